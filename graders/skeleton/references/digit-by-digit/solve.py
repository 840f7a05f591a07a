"""Adds whole numbers as a person does on paper: digit by digit with a carry, so no number type limits their size."""

import sys

BASE = 10


def digits(number: str) -> list[int]:
    sign = -1 if number.startswith("-") else 1
    return [sign * int(digit) for digit in reversed(number.lstrip("+-"))]


def total(numbers: list[str]) -> str:
    columns: list[int] = [0]
    for number in numbers:
        for place, digit in enumerate(digits(number)):
            if place == len(columns):
                columns.append(0)
            columns[place] += digit
    return carried(columns)


def carried(columns: list[int]) -> str:
    rest, result = 0, []
    for column in columns:
        rest, digit = divmod(column + rest, BASE)
        result.append(digit)
    while rest not in (0, -1):
        rest, digit = divmod(rest, BASE)
        result.append(digit)
    if rest == -1:
        return "-" + carried([-digit for digit in result] + [1])
    text = "".join(str(digit) for digit in reversed(result)).lstrip("0")
    return text or "0"


print(total([line.strip() for line in sys.stdin if line.strip()]))
