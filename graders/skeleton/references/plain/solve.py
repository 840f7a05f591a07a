"""Reads whole numbers, one a line, and writes their sum."""

import sys

print(sum(int(line) for line in sys.stdin if line.strip()))
