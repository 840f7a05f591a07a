"""A cohort: everything that is stored in one results folder, side by side."""
