# SPDX-License-Identifier: Apache-2.0
# What WORK may name: modules, notebooks, and in them anything that can be called. Files are in test_models.py.
import json
import os
import unittest

from support import MODELS, HostTest

HERE_AND_ELSEWHERE = [model for model in ("serial", "processes") if model in MODELS]  # this process, and others


class SourceTest(HostTest):
    def under_each_model(self):
        """Sources are the same to those that run in this process."""
        for model in HERE_AND_ELSEWHERE:
            with self.subTest(model=model):
                yield model

    def problem(self, source, function, **how):
        return self.check(source, function, **how).record["problem"]


class Modules(SourceTest):
    def setUp(self):
        super().setUp()
        self.file("import os\nwhere = os.path.dirname(__file__)\n", "package/__init__.py")
        self.file(
            """
            import sys
            from . import where
            def work(n): return [n, __name__, sys.argv == [__file__], sys.path[0] == where.removesuffix("/package")]
            """,
            "package/inner/module.py",
        )
        self.file("from .. import where", "package/inner/__init__.py")

    def test_are_found_from_the_current_directory_as_python_m_finds_them(self):
        for model in self.under_each_model():
            run = self.run_host(model, "package.inner.module", "work", "{i}", tasks=2)
            self.assertEqual(run.values, [f"[{i}, 'package.inner.module', True, True]" for i in range(2)])

    def test_may_be_pythons_own(self):
        for model in self.under_each_model():
            self.assertEqual(self.run_host(model, "math", "factorial", "{i}", tasks=4).values, ["1", "1", "2", "6"])
            self.assertEqual(self.run_host(model, "json", "loads", "'[1]'").values, ["[1]"])

    def test_are_found_again_when_their_import_changes_the_directory(self):
        self.file("import os\nos.chdir('/')\ndef work(): return 1\n", "moves.py")
        for model in self.under_each_model():
            self.assertEqual(self.run_host(model, "moves", "work").values, ["1"])

    def test_that_there_are_none_are_named(self):
        self.assertIn("there is no module 'package.outer', neither in ", self.problem("package.outer.module", "work"))
        self.assertIn("there is no module 'nowhere'", self.problem("nowhere", "work"))

    def test_that_lack_another_show_where(self):
        self.file("import nowhere\n", "lacks.py")
        problem = self.problem("lacks", "work")
        self.assertRegex(problem, r"importing lacks failed:\nTraceback[\s\S]*line 1[\s\S]*No module named 'nowhere'$")


class Callables(SourceTest):
    SOURCE = """
        import functools
        def power(base, exponent): return base ** exponent
        class Shape:
            sides = 4
            def __init__(self, size): self.size = size
            def area(self, factor): return self.size ** 2 * factor
            def __call__(self, factor): return self.size * factor
            @classmethod
            def count(cls, n): return cls.sides * n
            @staticmethod
            def double(n): return 2 * n
        class Group:
            shape = Shape(5)
        square = Shape(3)
        cube = functools.partial(power, exponent=3)
        async def later(n): return n
        soon = functools.partial(later)
        """

    def test_are_methods_objects_and_partial_functions(self):
        file = self.file(self.SOURCE)
        for name, value in (("Shape.count", "8"), ("Shape.double", "4"), ("square.area", "18"), ("square", "6"),
                            ("Group.shape.area", "50"), ("cube", "8"), ("soon", "2")):
            self.assertIsNone(self.problem(file, name, arguments=["2"]), name)
            self.assertEqual(self.run_host(HERE_AND_ELSEWHERE[-1], file, name, "2").values, [value], name)

    def test_that_need_an_object_are_refused(self):
        problem = self.problem(self.file(self.SOURCE), "Shape.area", arguments=["2"])
        self.assertRegex(problem, r"'Shape.area' is a method of the objects of a class: name an object in .*work\.py in its place")

    def test_that_there_are_none_name_those_there_are(self):
        file = self.file(self.SOURCE)
        self.assertRegex(self.problem(file, "Shape.cont"), r"'Shape' in .*work.py has no attribute 'cont'; it has count, ")
        self.assertRegex(self.problem(file, "Sahpe.count"), r"work.py has no function 'Sahpe'; it has Shape, ")
        self.assertRegex(self.problem(file, "Shape.sides"), r"'Shape.sides' in .*work.py is not a function but an int")

    def test_are_known_to_be_coroutine_functions_however_they_are_wrapped(self):
        file = self.file(self.SOURCE)
        for name, is_one in (("later", True), ("soon", True), ("square", False), ("Shape.count", False)):
            models = self.check(file, name, arguments=["1"]).record["models"]
            self.assertEqual("coroutine function" in (models["to_thread"] or ""), is_one, name)


class Notebooks(SourceTest):
    def notebook(self, *cells, name="study.ipynb", **metadata):
        """Of code cells; those that begin with # are Markdown."""
        path = os.path.join(self.folder, name)
        contents = {
            "cells": [{"cell_type": "markdown" if cell.startswith("# ") else "code", "metadata": {}, "source": cell} for cell in cells],
            "metadata": metadata,
            "nbformat": 4,
            "nbformat_minor": 5,
        }
        with open(path, "w") as file:
            json.dump(contents, file)
        return path

    def test_have_their_functions_in_every_model(self):
        file = self.notebook("# A study", "import os\nbase = 10", "def helper(n): return base * n", "def work(n): return [helper(n), __name__]")
        for model in self.under_each_model():
            self.assertEqual(self.run_host(model, file, "work", "{i}", tasks=3).values, [f"[{i * 10}, 'study']" for i in range(3)])

    def test_are_run_up_to_the_last_cell_that_the_function_needs(self):
        file = self.notebook("def work(): return late() + early", "early = 1", "def late(): return 2", "raise RuntimeError('a demonstration')")
        self.assertEqual(self.run_host("serial", file, "work").values, ["3"])

    def test_do_without_what_is_ipythons(self):
        file = self.notebook(
            "%matplotlib inline\nbase = (7\n  % 4)",
            "!ls\nif base:\n    %time base\nfiles = !ls\nbase?\n?base\ntext = '''\n% is kept\n'''",
            "%%time\nmore = 2",
            "%%bash\nexit 3",
            "def work(): return [base, more, text]",
            "%%html\n<b>later</b>",
        )
        for model in self.under_each_model():
            self.assertEqual(self.run_host(model, file, "work").values, [r"[3, 2, '\n% is kept\n']"])
        [note] = self.check(file, "work").record["notes"]
        self.assertTrue(note.endswith(
            ": left out what is not Python: %matplotlib inline (cell 1), !ls (cell 2), %time base (cell 2), files = !ls (cell 2), "
            "base? (cell 2), ?base (cell 2), %%time (cell 3), %%bash (cell 4)"), note)

    def test_may_await_outside_of_functions(self):
        file = self.notebook("import asyncio\nanswer = await asyncio.sleep(0, 42)", "def work(): return answer")
        self.assertEqual(self.run_host("serial", file, "work").values, ["42"])

    def test_name_the_cell_that_fails(self):
        file = self.notebook("x = 1", "# text", "def work(): return y\ny = 1 / 0")
        problem = self.problem(file, "work")
        self.assertRegex(problem, r"\Acell 2 of .*study\.ipynb failed:\nTraceback")
        self.assertRegex(problem, r'study\.ipynb, cell 2", line 2, in <module>\n    y = 1 / 0\n')

    def test_name_the_cell_that_is_not_python(self):
        problem = self.problem(self.notebook("x = 1", "def work(:\n  pass"), "work")
        self.assertRegex(problem, r"\Acell 2 of .*study\.ipynb is not valid Python:\n")
        self.assertIn("SyntaxError", problem)

    def test_show_the_lines_of_cells_in_tracebacks(self):
        file = self.notebook("def work(): return inner()", "def inner():\n    return 1 / 0")
        for model in self.under_each_model():
            error = self.run_host(model, file, "work").values[0]
            self.assertIn('study.ipynb, cell 2", line 2, in inner\n    return 1 / 0\n', error)

    def test_that_are_none_are_refused(self):
        for text in ("not JSON", "[]", '{"cells": 1}'):
            self.assertIn("is no notebook of Jupyter", self.problem(self.file(text, "odd.ipynb"), "work"))
        self.assertIn("of an old format: open and save it", self.problem(self.file('{"worksheets": []}', "odd.ipynb"), "work"))
        self.assertIn("is a notebook in R, not in Python", self.problem(self.notebook("1", kernelspec={"language": "R"}), "work"))
        self.assertIn("has no code cells", self.problem(self.notebook("# text"), "work"))


class Setup(SourceTest):
    def test_is_run_once_in_each_process_before_the_tasks(self):
        file = self.file("ready = []\ndef work(): return ready")
        for model in self.under_each_model():
            run = self.run_host(model, file, "work", tasks=4, setup="import math\nready.append(math.floor(1.5))")
            self.assertEqual(run.values, ["[1]"] * 4)

    def test_that_fails_says_so(self):
        file = self.file("def work(): pass")
        problem = self.problem(file, "work", setup="x = 1\nimport nowhere")
        self.assertRegex(problem, r'\A--setup failed:\nTraceback.*\n  File "--setup", line 2.*\n    import nowhere\nModuleNotFoundError')
        self.assertIn("SyntaxError", self.problem(file, "work", setup="1 +"))


class Arguments(SourceTest):
    def setUp(self):
        super().setUp()
        self.work = self.file("def work(*positional, **named): return repr((positional, named))")

    def lines(self, text):
        return self.file(text, "inputs.jsonl")

    def test_may_have_names(self):
        for model in self.under_each_model():
            run = self.run_host(model, self.work, "work", "{i}", named=["a=x=1", "b={i}", "c=[1, 2]"], tasks=2)
            self.assertEqual(run.values, [f"(({i},), {{'a': 'x=1', 'b': {i}, 'c': [1, 2]}})" for i in range(2)])

    def test_may_come_from_lines_of_json(self):
        lines = self.lines('[1, "x"]\n\n{"a": null}\n3\n"[4]"\n[]\n')
        expected = ["((1, 'x'), {})", "((), {'a': None})", "((3,), {})", "(('[4]',), {})", "((), {})"]
        for model in self.under_each_model():
            self.assertEqual(self.run_host(model, self.work, "work", lines=lines, tasks=5).values, expected)
        self.assertEqual(self.run_host("serial", self.work, "work", lines=lines, tasks=2).values, expected[:2])

    def test_of_every_task_come_before_those_of_its_line(self):
        run = self.run_host("serial", self.work, "work", "{i}", named=["a=1", "b=2"], lines=self.lines('[5]\n{"b": 6}'), tasks=2)
        self.assertEqual(run.values, ["((0, 5), {'a': 1, 'b': 2})", "((1,), {'a': 1, 'b': 6})"])

    def test_of_lines_may_be_integers_of_any_size(self):
        file = self.file("def work(n): return n", "echo.py")
        self.assertEqual(self.run_host("serial", file, "work", lines=self.lines("9" * 5000)).values, ["9" * 5000])

    def test_that_are_no_json_name_the_line(self):
        for text, reason in (("1\n\n[2", "line 3: not JSON: Expecting ',' delimiter at column 3"), ("NaN", "line 1: not JSON: NaN is not JSON")):
            self.assertTrue(self.problem(self.work, "work", lines=self.lines(text)).endswith(f"inputs.jsonl, {reason}"))
        with open(os.path.join(self.folder, "inputs.jsonl"), "wb") as file:
            file.write(b'1\n"\xff"\n')
        self.assertIn("inputs.jsonl, line 2: it is not UTF-8", self.problem(self.work, "work", lines="inputs.jsonl"))
        self.assertIn("cannot read nowhere.jsonl: No such file", self.problem(self.work, "work", lines="nowhere.jsonl"))

    def test_that_do_not_fit_name_the_line(self):
        file = self.file("def work(n, *, unit='s'): pass", "strict.py")
        problem = self.problem(file, "work", lines=self.lines('[1]\n{"n": 1}\n{"units": 1}'))
        self.assertRegex(problem, r"inputs\.jsonl, line 3: work\(n, \*, unit='s'\) cannot be called so: ")
        self.assertIn("unexpected keyword argument 'units'", self.problem(file, "work", arguments=["1"], named=["units=2"]))


if __name__ == "__main__":
    unittest.main()
