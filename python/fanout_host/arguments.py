# SPDX-License-Identifier: Apache-2.0
# What --arg texts mean: a Python literal or JSON, else the text itself; "{i}" is the number of the task.
from fanout_host import stdlib
from fanout_host.task import any_integer


def parse(text):
    """The value of one text."""
    digits = text[1:] if text.startswith("-") else text
    if digits.isascii() and digits.isdecimal() and len(digits) < 4300 and (digits[0] != "0" or digits == "0"):
        return int(text)  # without importing ast, which would show in the measured memory
    try:
        with any_integer():
            return stdlib.module("ast").literal_eval(text)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return _parse_json(text)


def _parse_json(text):
    def refuse(word):
        raise ValueError(word)

    try:
        return stdlib.module("json").loads(text, parse_constant=refuse)  # NaN and Infinity are not JSON
    except (ValueError, RecursionError):
        return text


def of_tasks(texts, tasks):
    """One tuple of arguments for each task; no two tasks share a value that one of them could change."""
    return [tuple(parse(text.replace("{i}", str(number))) for text in texts) for number in range(tasks)]
