"""One module a verb; each returns the exit code of its command."""
