"""The machinery that runs checks. Nothing here is for authors of checks."""
