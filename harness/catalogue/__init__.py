"""Exercises and graders on disk: found, read, checked and rendered."""
