"""Hands-on skills assessment: exercises graded by behaviour under fault in sandboxed containers."""

__version__ = "0.1.0"
