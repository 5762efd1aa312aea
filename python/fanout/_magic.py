# SPDX-License-Identifier: Apache-2.0
# %compare, for IPython and Jupyter.
import ast
import re

from IPython.core.error import UsageError
from IPython.core.magic import Magics as StandardMagics
from IPython.core.magic import line_magic, magics_class

from . import compare

_USAGE = "%compare [--tasks N] [--models LIST] … FUNCTION(ARGUMENTS…): the options are those of the command fanout compare"
_FIRST = re.compile(r"--([a-z][a-z-]*)(?:=|\s+)(\S+)\s*")
_LAST = re.compile(r"\s+--([a-z][a-z-]*)(?:=|\s+)([^\s()]+)$")


def split(line):
    """(options, the expression): options may come before it and after it."""
    line, options = line.strip(), {}
    while found := _FIRST.match(line):
        options[found[1].replace("-", "_")] = found[2]
        line = line[found.end() :]
    while found := _LAST.search(line):
        options[found[1].replace("-", "_")] = found[2]
        line = line[: found.start()]
    return options, line


def call_in(expression):
    """(function, positional, named) as code of its own each; raises UsageError."""
    try:
        node = ast.parse(expression, mode="eval").body
    except SyntaxError:
        node = None
    if not isinstance(node, ast.Call):
        raise UsageError(f"what is compared is a call of a function, not {expression!r}. Usage: {_USAGE}")
    return node


@magics_class
class Magics(StandardMagics):
    @line_magic("compare")
    def compare(self, line):
        """Compares the concurrency models on a call: %compare cpu_task(10_000_000), %compare --tasks 4 f(x)"""
        options, expression = split(line)
        call = call_in(expression)
        function = self._value(call.func)
        # Evaluated as the arguments of a call, stars included.
        taker = ast.Call(ast.Name("_fanout_arguments", ast.Load()), call.args, call.keywords)
        args, kwargs = self._value(taker, _fanout_arguments=lambda *args, **kwargs: (args, kwargs))
        return compare(function, args, kwargs, **options)

    def _value(self, node, **more):
        code = compile(ast.fix_missing_locations(ast.Expression(node)), "%compare", "eval")
        return eval(code, self.shell.user_ns | more)
