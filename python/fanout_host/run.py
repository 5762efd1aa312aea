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
        self.model = self.spelling = self.source = self.lines = self.attempt = None
        self.setup = ""
        self.functions, self.texts, self.named = [], [], []
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
            self.source = os.path.abspath(value), None  # the user's code may change the working directory
        elif name == "--module":
            self.spelling = value
            self.source = os.getcwd(), value
        elif name == "--try":
            self.attempt = value
        elif name in ("--tasks", "--workers"):
            setattr(self, name[2:], int(value))
        elif name == "--function":
            self.functions.append(value)
        elif name == "--arg":
            self.texts.append(value)
        elif name == "--kwarg":
            self.named.append(value)
        elif name == "--args-from":
            self.lines = value
        elif name == "--setup":
            self.setup = value
        else:
            raise SystemExit(f"host.py: unknown option {name}")


class Work:
    def __init__(self, options):
        self.source = options.source
        self.function = options.functions[0]
        self.setup = options.setup
        lines = arguments.of_lines(options.lines) if options.lines else None
        self.arguments = arguments.of_tasks(options.texts, options.named, lines, options.tasks)
        self.workers = options.workers

    def load(self):
        """The user's function, in this process."""
        return load.function(self.source, self.function, self.setup)

    def jobs(self):
        """What worker.outcome_of() takes, for each task."""
        return [(self.source, self.function, self.setup, one) for one in self.arguments]


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
    extension_problem = _import_extension() if options.check or options.model in models.WITH_METER else None
    check = _import_check() if options.check else None
    models.import_for(options.model)
    lines.install()
    end.begin()
    if options.source is not None:
        load.enter(options.source)
    result = check.report(options, extension_problem) if check else _measure(options)
    end_if_forked()
    record.write(descriptor, result)
    end.finish()
    os._exit(0)
