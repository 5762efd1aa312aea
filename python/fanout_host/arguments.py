# SPDX-License-Identifier: Apache-2.0
# What --arg and --kwarg texts mean: a Python literal or JSON, else the text itself; "{i}" is the number of the task. And
# --args-from: a file of JSON lines, of which each is for one task. The arguments of a task are (positional, named).
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


def _refuse(word):
    raise ValueError(f"{word} is not JSON")


def _json(text):
    with any_integer():
        return stdlib.module("json").loads(text, parse_constant=_refuse)  # NaN and Infinity


def _parse_json(text):
    try:
        return _json(text)
    except (ValueError, RecursionError):
        return text


class BadLines(Exception):
    """What is wrong with a file of JSON lines, in words for the user."""


def of_lines(file):
    """[(number of the line, positional, named)] of those that are not blank: a list is all positional arguments, an object
    all named ones, anything else is one argument."""
    found = []
    try:
        with open(file, "rb") as opened:
            for number, line in enumerate(opened, start=1):
                if not line.isspace():
                    found.append((number, *_of_line(file, number, line)))
    except OSError as error:
        raise BadLines(f"cannot read {file}: {error.strerror}") from None
    return found


def _of_line(file, number, line):
    try:
        value = _json(line.decode("utf-8-sig" if number == 1 else "utf-8"))
    except UnicodeDecodeError:
        raise BadLines(f"{file}, line {number}: it is not UTF-8") from None
    except RecursionError:
        raise BadLines(f"{file}, line {number}: it is nested too deeply") from None
    except ValueError as error:
        column = f" at column {error.colno}" if hasattr(error, "colno") else ""
        raise BadLines(f"{file}, line {number}: not JSON: {getattr(error, 'msg', error)}{column}") from None
    if isinstance(value, list):
        return tuple(value), {}
    return ((), value) if isinstance(value, dict) else ((value,), {})


def of_tasks(texts, named, lines, tasks):
    """(positional, named) of each task; no two tasks share a value that one of them could change. Those of --arg come before
    those of its line, and what its line names wins over --kwarg."""
    everyone = [_of_task(texts, named, str(number)) for number in range(tasks)]
    if lines is None:
        return everyone
    return [
        (positional + own_positional, named | own_named)
        for (positional, named), (_, own_positional, own_named) in zip(everyone, lines)
    ]


def _of_task(texts, named, number):
    pairs = (text.partition("=") for text in named)
    return (
        tuple(parse(text.replace("{i}", number)) for text in texts),
        {name: parse(text.replace("{i}", number)) for name, _, text in pairs},
    )
