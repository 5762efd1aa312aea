# SPDX-License-Identifier: Apache-2.0
# host.py --check: could the user's function be run here? Answers {"python": …, "models": {name: null or why it cannot
# run here}, "problem": null or what is wrong with the file, the function or its arguments, in words for the user}.
import inspect
import platform
import sys
from difflib import SequenceMatcher

from fanout_host import arguments, load, models
from fanout_host.task import traceback_text


def report(options, extension_problem):
    return {
        "python": {
            "version": platform.python_version(),
            "executable": models.interpreter(),
            "implementation": platform.python_implementation(),
        },
        "models": _models(extension_problem),
        "abilities": _abilities(),
        "problem": _problem(options) if options.file is not None else None,
    }


def _abilities():
    has_gil = getattr(sys, "_is_gil_enabled", lambda: True)  # 3.13 and later know; an extension may have turned it on
    return {"gil": has_gil(), "subinterpreters": sys.version_info >= (3, 12)}


def _models(extension_problem):
    return {name: extension_problem if name in models.WITH_EXTENSION else None for name in models.BY_NAME}


def _problem(options):
    file = options.spelling
    try:
        module = load.module(options.file)
    except SyntaxError as error:
        own = error.filename == options.file
        what = f"{file} is not valid Python" if own else f"importing {file} failed"
        return f"{what}:\n{traceback_text(error)}"
    except BaseException as error:
        return f"importing {file} failed:\n{traceback_text(error)}"
    for name in options.functions:
        problem = _function_problem(file, module, name) or _arguments_problem(module, name, options.texts)
        if problem:
            return problem
    return None


def _function_problem(file, module, name):
    if not hasattr(module, name):
        return f"{file} has no function {name!r}; {_offer(module, name)}"
    value = getattr(module, name)
    if not callable(value):
        return f"{name!r} in {file} is not a function but {_article(type(value).__name__)}; {_offer(module, name)}"
    return None


def _article(noun):
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def _offer(module, name):
    """The functions that the file does have, those with the most similar names first."""
    own = [
        key
        for key, value in vars(module).items()
        if callable(value) and not key.startswith("_") and getattr(value, "__module__", None) == module.__name__
    ]
    if not own:
        return "it defines no functions at all"
    own.sort(key=lambda key: -SequenceMatcher(None, name.lower(), key.lower()).ratio())
    more = f" and {len(own) - 10} more" if len(own) > 10 else ""
    return f"it has {', '.join(own[:10])}{more}"


def _arguments_problem(module, name, texts):
    function = getattr(module, name)
    try:
        signature = inspect.signature(function)
    except (ValueError, TypeError):  # some built-in functions have none: calling will tell
        return None
    try:
        signature.bind(*arguments.of_tasks(texts, 1)[0])
    except TypeError as error:
        given = f"{len(texts)} argument{'' if len(texts) == 1 else 's'} given"
        return f"{name}{signature} cannot be called so: {error} ({given}; each --arg is one argument)"
    return None
