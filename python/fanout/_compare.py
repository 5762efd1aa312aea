# SPDX-License-Identifier: Apache-2.0
# fanout.compare: the command, on a function of the running program.
import ast
import functools
import html
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

from . import _wire
from ._errors import ComparisonFailed

_LONGEST_LITERAL = 10_000  # characters; what is longer does not belong on a command line

# The file that the command is given. The function is in it, by value; and sys.path is what it is here, so that what it
# imports is found.
_FILE = """\
import pickle
import sys

sys.path[:] = {path!r}
with open({data!r}, "rb") as file:
    {name} = pickle.load(file)
"""

# Whatever becomes of this process, who runs the command removes the file when the command has ended.
_RUN_AND_REMOVE = 'trap : INT TERM; folder=$1; shift; "$@"; status=$?; rm -rf "$folder"; exit $status'


def command():
    """The path of the tool: the one this package was built or installed with, else that on PATH."""
    own = os.path.join(os.path.dirname(os.path.realpath(__file__)), *[os.pardir] * 4, "bin", "fanout")
    if os.access(own, os.X_OK):
        return os.path.normpath(own)
    found = shutil.which("fanout")
    if found is None:
        raise ComparisonFailed("there is no program fanout, neither where this package is installed nor on PATH: install it, on "
                               "Debian with the package fanout")
    return found


class Comparison:
    """What fanout compare has found. `record`: all of it, as in its JSON. `verdict`: in words. `table`: as the command shows it."""

    def __init__(self, record, table, exit_code):
        self.record = record
        self.table = table
        self.exit_code = exit_code

    @property
    def summary(self):
        """One dict for each model, the best first."""
        return self.record["summary"]

    @property
    def verdict(self):
        return _verdict_in(self.table)

    def __repr__(self):
        return self.table

    def _repr_html_(self):
        rows = "".join(
            f"<tr><td>{entry.get('rank', '')}</td><td style='text-align:left'>{html.escape(entry['model'])}</td>"
            f"<td>{_seconds(entry['median_s'])}</td><td>{_factor(entry)}</td><td>{entry['setup_share']:.0%}</td></tr>"
            for entry in self.summary
        )
        heads = "".join(f"<th>{head}</th>" for head in ("", "model", "wall", "vs serial", "set-up"))
        title = html.escape(f"{self.record['workload']['title']} × {self.record['workload']['tasks']}")
        return (
            f"<table><caption>{title}</caption><tr>{heads}</tr>{rows}</table><p>{html.escape(self.verdict)}</p>"
            f"<details><summary>more</summary><pre>{html.escape(self.table)}</pre></details>"
        )


def _seconds(value):
    return f"{value:.3g} s" if value >= 1 else f"{1e3 * value:.3g} ms"


def _factor(entry):
    return f"{entry['speedup_vs_serial']:.2f} ×" if "speedup_vs_serial" in entry else ""


def _option(name, value):
    if isinstance(value, (list, tuple)):
        value = ",".join(map(str, value))
    return f"--{name.replace('_', '-')}" + ("" if value is True else f"={value}")


def compare(function, args, kwargs, **options):
    if not callable(function):
        raise TypeError(f"what is compared is a function, not {function!r:.200}")
    texts = [_literal(one) for one in args]
    if None in texts:
        bound, texts = functools.partial(function, *args, **kwargs), []
    else:
        bound = functools.partial(function, **kwargs) if kwargs else function
    folder = tempfile.mkdtemp(prefix="fanout-")
    try:
        words = [f"--arg={text}" for text in texts]
        words += [_option(name, value) for name, value in options.items() if value is not None]
        return _run(folder, _write(folder, _name_of(function), bound), words)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _name_of(function):
    """What its file and its table call it."""
    while isinstance(function, functools.partial):
        function = function.func
    name = getattr(function, "__name__", type(function).__name__)
    return name if name.isidentifier() and name not in sys.stdlib_module_names else "function"


def _literal(value):
    """Its text, if the host will make the same value of that; else None."""
    try:
        text = repr(value)
        if len(text) > _LONGEST_LITERAL or "{i}" in text:
            return None
        return text if _are_same(ast.literal_eval(text), value) else None
    except Exception:  # of a value whose repr() raises, or is not of Python's own, or nested too deep
        return None


def _are_same(read, value):
    """Also of types that are the same all through: of a number of numpy's in a list, another would be read."""
    if type(read) is not type(value) or read != value:
        return False
    if type(value) is dict:
        return _are_same(list(read.items()), list(value.items()))
    if type(value) in (set, frozenset):
        return set(map(type, read)) == set(map(type, value))
    return type(value) not in (list, tuple) or all(map(_are_same, read, value))


def _write(folder, name, function):
    file, data = (os.path.join(folder, name + ending) for ending in (".py", ".pickle"))
    with open(data, "wb") as opened:
        opened.write(_wire.pickled_alone(function))
    with open(file, "w") as opened:
        opened.write(_FILE.format(path=[str(entry) for entry in sys.path], data=data, name=name))
    return f"{file}:{name}"


def _run(folder, work, words):
    tool = command()
    arguments = [tool, "compare", work, f"--python={sys.executable}", "--format=json", *words]
    with tempfile.TemporaryFile() as record, _Progress() as progress:
        process = subprocess.Popen(["/bin/sh", "-c", _RUN_AND_REMOVE, "sh", folder, *arguments],
                                   stdin=subprocess.DEVNULL, stdout=record, stderr=progress.target)
        code = progress.follow(process)
        record.seek(0)
        text = record.read()
    try:
        found = json.loads(text)
    except ValueError:
        said = progress.said() or f"{tool} ended with exit code {code}"
        raise ComparisonFailed(said, code) from None
    shown = subprocess.run([tool, "explain", "/dev/stdin"], input=text, capture_output=True)
    return Comparison(found, shown.stdout.decode().strip("\n"), code)


class _Progress:
    """What the command says while it runs: to the terminal, if that is where stderr is; else, in Jupyter say, line by line to
    sys.stderr."""

    def __enter__(self):
        self._lines = []
        self.target = None if self._is_terminal() else subprocess.PIPE
        return self

    def __exit__(self, *_):
        pass

    @staticmethod
    def _is_terminal():
        try:
            return sys.stderr.fileno() == 2 and os.isatty(2)
        except (AttributeError, OSError, ValueError):
            return False

    def follow(self, process):
        """Until it has ended; its exit code."""
        try:
            for line in process.stderr or ():
                self._lines.append(line.decode(errors="replace"))
                if sys.stderr is not None:
                    sys.stderr.write(self._lines[-1])
            return process.wait()
        except BaseException:  # KeyboardInterrupt: the command ends what it has started
            _interrupt(process)
            raise
        finally:
            if process.stderr is not None:
                process.stderr.close()

    def said(self):
        return "".join(self._lines[-20:]).strip()


def _interrupt(process):
    """The command is the shell's child."""
    try:
        with open(f"/proc/{process.pid}/task/{process.pid}/children") as children:
            for child in children.read().split():
                os.kill(int(child), signal.SIGINT)
    except OSError:  # it has ended
        pass
    process.wait()


def _verdict_in(table):
    """The lines before the reasons, if there are any; else the last."""
    blocks = [block.strip() for block in table.split("\n\n")]
    reasons = next((number for number, block in enumerate(blocks) if block.startswith("why ")), len(blocks))
    return blocks[max(0, reasons - 1)]
