"""Container images of ours: recipes, how they are built, and where they are."""
