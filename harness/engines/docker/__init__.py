"""Docker, and what speaks its API, over docker-py."""
