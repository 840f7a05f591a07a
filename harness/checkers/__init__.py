"""Invariants over recorded histories: pure functions, no I/O."""
