# SPDX-License-Identifier: Apache-2.0
# host.py's main, from its options to its record.
import os
import sys

from fanout_host import arguments, end, lines, load, models, record
from fanout_host.task import end_if_forked, traceback_text


class Options:
    """--name=value options, those of host.py."""

    def __init__(self, words):
        self.check = False
        self.model = self.spelling = self.file = None
        self.functions, self.texts = [], []
        self.tasks = self.workers = 1
        self.traced = os.environ.pop("FANOUT_TRACE", None) is not None  # before the user's code could see it
        for word in words:
            name, _, value = word.partition("=")
            self._take(name, value)

    def _take(self, name, value):
        if name == "--check":
            self.check = True
        elif name == "--model":
            self.model = value
        elif name == "--file":
            self.spelling = value
            self.file = os.path.abspath(value)  # the user's code may change the working directory
        elif name in ("--tasks", "--workers"):
            setattr(self, name[2:], int(value))
        elif name == "--function":
            self.functions.append(value)
        elif name == "--arg":
            self.texts.append(value)
        else:
            raise SystemExit(f"host.py: unknown option {name}")


class Work:
    def __init__(self, options):
        self.file = options.file
        self.function = options.functions[0]
        self.arguments = arguments.of_tasks(options.texts, options.tasks)
        self.workers = options.workers


def _measure(options):
    clock = record.Clock(options.traced)
    try:
        outcomes = models.BY_NAME[options.model](Work(options), clock)
    except BaseException as error:
        return {"error": traceback_text(error)}
    finally:
        lines.complete_all()
    costs = clock.costs()
    if options.traced:
        costs["trace"] = clock.trace()
    return {**costs, "tasks": [record.entry(outcome, clock) for outcome in outcomes]}


def _import_extension():
    """Before the user's folder takes the place of ours in sys.path. Returns why it is not there, or None."""
    try:
        import _fanout  # noqa: F401
    except ImportError as error:
        if not os.path.exists(os.path.join(sys.path[0], "_fanout.abi3.so")):
            return "this fanout was built without its Python extension (python3-dev was missing)"
        return f"fanout's extension does not load in {models.interpreter()}: {error}"
    return None


def _import_check():
    from fanout_host import check

    return check


def main(descriptor, words):
    options = Options(words)
    extension_problem = _import_extension() if options.check or options.model in models.WITH_EXTENSION else None
    check = _import_check() if options.check else None
    lines.install()
    end.begin()
    if options.file is not None:
        load.enter(options.file)
    result = check.report(options, extension_problem) if check else _measure(options)
    end_if_forked()  # by the import of the user's file
    record.write(descriptor, result)
    end.finish()
    os._exit(0)
