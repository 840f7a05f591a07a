"""A scenario that somebody works with: ``harness up`` holds it, and the other verbs of a running one are its clients."""
