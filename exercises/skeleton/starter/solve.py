"""Reads whole numbers, one a line, and writes their sum. To be written."""

import sys

numbers = [line for line in sys.stdin if line.strip()]
print(len(numbers))  # counts them; should add them up
