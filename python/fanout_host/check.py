# SPDX-License-Identifier: Apache-2.0
# host.py --check: could the user's function be run here? Answers {"python": …, "models": {name: null or why it cannot
# run here}, "notes": what the user should know, "problem": null or what is wrong with the source, the function or its
# arguments, in words for the user}. With --try=MODEL it answers {"problem"} alone: why that model cannot run it, or null.
import inspect
import os
import platform
import sys
import sysconfig
from difflib import SequenceMatcher
from importlib.util import find_spec
from time import sleep

from fanout_host import arguments, load, models, subinterpreters
from fanout_host.task import traceback_text


def report(options, extension_problem):
    if options.attempt:
        return {"problem": _TRIALS[options.attempt](options)}
    problem = _problem(options) if options.source else None
    return {
        "python": {
            "version": platform.python_version(),
            "executable": models.interpreter(),
            "implementation": platform.python_implementation(),
            "gil": "on" if _has_gil() else "off",
            "switch_interval_s": sys.getswitchinterval(),
        },
        "models": {name: _model_problem(name, options, extension_problem, problem) for name in models.BY_NAME},
        "abilities": _abilities(),
        "notes": _notes(options) if options.source else [],
        "problem": problem,
    }


def _has_gil():
    return getattr(sys, "_is_gil_enabled", lambda: True)()  # 3.13 and later know; an extension may have turned it on


def _abilities():
    return {"gil": _has_gil(), "subinterpreters": sys.version_info >= (3, 12)}


# --- models

def _model_problem(name, options, extension_problem, problem):
    if name in models.WITH_EXTENSION and extension_problem:
        return extension_problem
    if name == "processes/fork" and options.source and not problem:
        return _fork_problem(options)
    if name == "to_thread" and options.source and not problem:
        return _to_thread_problem(options)
    if name == "subinterpreters" and sys.version_info < (3, 12):
        return f"needs Python 3.12 or later, this is {platform.python_version()}"
    if name == "free-threading":
        return _free_threading_problem(options)
    for package, needed_by in (("uvloop", "async/uvloop"), ("joblib", "joblib")):
        if name == needed_by and find_spec(package) is None:
            return f"{package} is not installed for {models.interpreter()}"
    return None


def _fork_problem(options):
    for _ in range(20):  # one that has been waited for may be counted for a moment still
        started = len(os.listdir("/proc/self/task")) - 1
        if started == 0:
            return None
        sleep(0.001)
    return (f"importing {options.spelling} starts {started} thread{'s' if started > 1 else ''}: a fork would find locked for ever "
            "what another thread has locked")


def _to_thread_problem(options):
    function = load.attribute(load.module(options.source, options.functions[0]), options.functions[0])
    if not load.is_coroutine_function(function):
        return None
    return f"it is for plain functions, and {options.functions[0]} is a coroutine function: async awaits it"


def _free_threading_problem(options):
    if not _has_gil():
        return None
    if sysconfig.get_config_var("Py_GIL_DISABLED") and options.source:
        return f"importing {options.spelling} has turned the interpreter's lock (GIL) on: an extension in it needs that"
    return f"needs a free-threaded build of Python 3.13 or later; {models.interpreter()} has the GIL"


def _try_subinterpreters(options):
    problem = subinterpreters.problem(options.source, options.functions[0], options.setup)
    return f"importing {options.spelling} in a sub-interpreter fails: {problem}" if problem else None


_TRIALS = {"subinterpreters": _try_subinterpreters}


# --- the source, the function, its arguments


def _notes(options):
    if not load.is_notebook(options.source) or "fanout_host.notebook" not in sys.modules:
        return []
    left_out = [f"{line} (cell {number})" for number, line in sys.modules["fanout_host.notebook"].left_out]
    return [f"{options.spelling}: left out what is not Python: {', '.join(left_out)}"] if left_out else []


def _problem(options):
    name = options.spelling
    try:
        lines = arguments.of_lines(options.lines) if options.lines else None
    except arguments.BadLines as error:
        return str(error)
    try:
        module = load.module(options.source, options.functions[0])
    except BaseException as error:
        return _import_problem(options, error)
    try:
        load.run_setup(module, options.setup)
    except BaseException as error:
        return f"--setup failed:\n{traceback_text(error)}"
    for function in options.functions:
        problem = _function_problem(name, module, function) or _arguments_problem(module, function, options, lines)
        if problem:
            return problem
    return None


def _import_problem(options, error):
    (path, module), name = options.source, options.spelling
    if load.is_notebook(options.source):
        from fanout_host import notebook

        cell = notebook.failed_cell(error, path)
        if cell is None:
            return str(error) if isinstance(error, (ImportError, OSError)) else f"running {name} failed:\n{traceback_text(error)}"
        return f"cell {cell} of {name} {'is not valid Python' if isinstance(error, SyntaxError) else 'failed'}:\n{traceback_text(error)}"
    if isinstance(error, ModuleNotFoundError) and module and f"{module}.".startswith(f"{error.name}."):
        return f"there is no module {error.name!r}, neither in {path} nor where this Python looks"
    if isinstance(error, SyntaxError) and error.filename == path:
        return f"{name} is not valid Python:\n{traceback_text(error)}"
    return f"importing {name} failed:\n{traceback_text(error)}"


def _function_problem(source, module, name):
    owner, owner_name = module, source
    for part in name.split("."):
        what = "function" if owner is module else "attribute"
        if not hasattr(owner, part):
            return f"{owner_name} has no {what} {part!r}; {_offer(owner, part)}"
        needs_object = inspect.isclass(owner) and inspect.isfunction(inspect.getattr_static(owner, part))
        if needs_object and next(iter(inspect.signature(getattr(owner, part)).parameters), None) == "self":
            return f"{name!r} is a method of the objects of a class: name an object in {source} in its place, as in name.{part}"
        owner, owner_name = getattr(owner, part), f"{part!r} in {source}"
    if not callable(owner):
        return f"{name!r} in {source} is not a function but {_article(type(owner).__name__)}; {_offer(module, name)}"
    return None


def _article(noun):
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def _offer(owner, name):
    """What it does have that can be called, those with the most similar names first."""
    is_module = inspect.ismodule(owner)
    own = [
        key
        for key in (vars(owner) if is_module else dir(owner))
        if not key.startswith("_") and _can_be_offered(getattr(owner, key, None), owner if is_module else None)
    ]
    if not own:
        return "it defines no functions at all"
    own.sort(key=lambda key: -SequenceMatcher(None, name.lower(), key.lower()).ratio())
    more = f" and {len(own) - 10} more" if len(own) > 10 else ""
    return f"it has {', '.join(own[:10])}{more}"


def _can_be_offered(value, module):
    return callable(value) and (module is None or getattr(value, "__module__", None) == module.__name__)


def _arguments_problem(module, name, options, lines):
    """Of any task: with --args-from each has arguments of its own."""
    try:
        signature = inspect.signature(load.attribute(module, name))
    except (ValueError, TypeError):  # some built-in functions have none: calling will tell
        return None
    tasks = 1 if lines is None else len(lines)
    for number, (positional, named) in enumerate(arguments.of_tasks(options.texts, options.named, lines, tasks)):
        try:
            signature.bind(*positional, **named)
        except TypeError as error:
            where = "" if lines is None else f"{options.lines}, line {lines[number][0]}: "
            given = f"{len(positional) + len(named)} argument{'' if len(positional) + len(named) == 1 else 's'} given"
            rule = "each --arg is one argument" if lines is None else "a list is all arguments of a task, an object all named ones"
            return f"{where}{name}{signature} cannot be called so: {error} ({given}; {rule})"
    return None
