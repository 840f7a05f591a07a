"""An engine in memory, for tests of our own logic. It passes the contract part of the conformance suite."""
