# SPDX-License-Identifier: Apache-2.0
# A notebook's code cells as a module: each is compiled by itself, so that errors name it, and run one after another in one
# namespace. Only by this can a worker process have the functions of a notebook: it runs the cells too. Cells are
# numbered from 1 as they stand, code cells only.
import re

from fanout_host import stdlib
from fanout_host.task import keep_source

_CO_COROUTINE = 0x80
_PYTHON_CELLS = ("%%time", "%%timeit", "%%capture", "%%prun")  # whose other lines are Python
_MAGIC = re.compile(r"\s*([%!?]|[\w, ]+=\s*[%!])|[^#]*\?\s*$")  # %time f()   !ls   ?f   files = !ls   f?

left_out = []  # (cell, line): what is no Python, for a note to the user


class Cell:
    def __init__(self, file, number, source):
        self.name = f"{file}, cell {number}"
        self.number = number
        self.lines = source.splitlines()
        keep_source(self.name, source)

    def compiled(self):
        """Its code, without lines that are IPython's. Which these are is found by compiling: a line of a text may begin
        with a percent sign too."""
        self._leave_out_head()
        while True:
            try:
                return self._compile()
            except SyntaxError as error:
                place = (error.lineno or 0) - 1
                if not (0 <= place < len(self.lines) and _MAGIC.match(self.lines[place])):
                    raise
                self._leave_out(place)

    def _compile(self):
        ast = stdlib.module("ast")
        tree = ast.parse("\n".join(self.lines), self.name)
        return tree, compile(tree, self.name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)

    def _leave_out_head(self):
        """The line %%magic, and what follows it unless that is Python."""
        first = next((place for place, line in enumerate(self.lines) if line.strip()), None)
        if first is None or not self.lines[first].startswith("%%"):
            return
        if self.lines[first].split()[0] in _PYTHON_CELLS:
            self._leave_out(first)
        else:
            left_out.append((self.number, self.lines[first]))
            self.lines = []

    def _leave_out(self, place):
        line = self.lines[place]
        left_out.append((self.number, line.strip()))
        self.lines[place] = line[: len(line) - len(line.lstrip())] + "pass"  # an indented one may be all there is


def _code_cells(file):
    """(number, source) of each that has something in it."""
    try:
        with open(file, "rb") as opened:
            notebook = stdlib.module("json").loads(opened.read())
        cells = notebook["cells"]
        sources = [cell["source"] for cell in cells if cell["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError) as error:
        older = isinstance(error, KeyError) and "worksheets" in notebook
        hint = "it is of an old format: open and save it in Jupyter" if older else repr(error)
        raise ImportError(f"{file} is no notebook of Jupyter ({hint})") from None
    language = notebook.get("metadata", {}).get("kernelspec", {}).get("language", "python")
    if language != "python":
        raise ImportError(f"{file} is a notebook in {language}, not in Python")
    for number, source in enumerate(sources, start=1):
        yield number, source if isinstance(source, str) else "".join(source)


class Loader:
    """As a module's loader."""

    def __init__(self, file, needed):
        self._file = file
        self._needed = needed.partition(".")[0]

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        module.display = print  # IPython's
        left_out.clear()
        cells = [Cell(self._file, number, source) for number, source in _code_cells(self._file)]
        if not cells:
            raise ImportError(f"{self._file} has no code cells")
        compiled = [cell.compiled() for cell in cells]
        last = _last_needed(compiled, self._needed)
        left_out[:] = [(number, line) for number, line in left_out if number <= cells[last].number]
        for _, code in compiled[: last + 1]:
            _run(code, module.__dict__)


def _run(code, namespace):
    if code.co_flags & _CO_COROUTINE:  # it awaits something, which notebooks may outside of functions

        async def cell():
            await eval(code, namespace)

        stdlib.module("asyncio").run(cell())
    else:
        exec(code, namespace)


def _last_needed(compiled, name):
    """The index of the last cell that binds a name that the function, or what it uses, refers to. What follows are
    demonstrations: running those in each process could take any time. All cells, if the function cannot be found."""
    bound = [_bound_names(tree) for tree, _ in compiled]  # {name: names that its definition refers to} of each cell
    seen, open_names = set(), {name}
    while open_names:
        one = open_names.pop()
        seen.add(one)
        for names in bound:
            open_names |= names.get(one, set()) - seen
    places = [place for place, names in enumerate(bound) if not seen.isdisjoint(names)]
    return places[-1] if any(name in names for names in bound) else len(compiled) - 1


def _bound_names(tree):
    ast = stdlib.module("ast")
    bound = {}
    for statement in tree.body:
        names = _names_in(compile(ast.Module([statement], []), "", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT))
        for name in _targets(ast, statement):
            bound[name] = bound.get(name, set()) | names
    return bound


def _names_in(code):
    """Global names (and attributes) that it uses, and those of functions within it."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if hasattr(constant, "co_names"):
            names |= _names_in(constant)
    return names


def _targets(ast, statement):
    """Names that a statement binds, not those in the functions and classes that it defines."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield statement.name
    elif isinstance(statement, (ast.Import, ast.ImportFrom)):
        for alias in statement.names:
            yield (alias.asname or alias.name).partition(".")[0]
    elif isinstance(statement, ast.Name) and isinstance(statement.ctx, ast.Store):
        yield statement.id
    elif not isinstance(statement, ast.Lambda):
        for part in ast.iter_child_nodes(statement):
            yield from _targets(ast, part)


def failed_cell(error, file):
    """The number of the cell that raised it, or whose code is wrong; None if it was no cell of the file's."""
    names = [error.filename] if isinstance(error, SyntaxError) else []
    frame = error.__traceback__
    while frame is not None:
        names.append(frame.tb_frame.f_code.co_filename)
        frame = frame.tb_next
    cells = [name for name in names if name and name.startswith(f"{file}, cell ")]
    return int(cells[0].rpartition(" ")[2]) if cells else None
