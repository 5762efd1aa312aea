# SPDX-License-Identifier: Apache-2.0
# The user's folder comes first in sys.path. What lies in it is the user's business: our own imports do not go there.
import os
import unittest

from support import HostTest

# What the host imports itself, and some of what that imports.
NAMES = ("ast", "asyncio", "contextvars", "difflib", "enum", "functools", "hashlib", "inspect", "json", "linecache", "platform")
NAMES += ("queue", "random", "re", "resource", "selectors", "signal", "socket", "textwrap", "threading", "token", "tokenize", "traceback")

UNUSED = "raise RuntimeError('not even python would import this')"


class Neighbours(HostTest):
    def surround(self):
        for name in NAMES:
            self.file(UNUSED, f"{name}.py")

    def test_that_nobody_imports_change_nothing(self):
        self.surround()
        file = self.file(
            """
            def work(*arguments): return repr(arguments)
            async def waits(): return "x" * 200_000
            def gives(): return waits()
            def fails(): raise ValueError("no")
            """
        )
        for model in self.under_each_model():
            self.assertEqual(self.run_host(model, file, "work", "[1]", "true").values, ["([1], True)"])
            for function in ("waits", "gives"):
                self.assertIn("200000 characters", self.run_host(model, file, function).values[0])
            error = self.run_host(model, file, "fails").values[0]
            self.assertTrue(error.endswith("ValueError: no"), error)

    def test_that_nobody_imports_do_not_change_what_a_check_says(self):
        self.surround()
        file = self.file("def work(n): pass")
        self.assertIsNone(self.check(file, "work", arguments=["[1]"]).record["problem"])
        self.assertIn("it has work", self.check(file, "wrok").record["problem"])
        self.assertIn("missing a required argument", self.check(file, "work").record["problem"])

    def test_are_what_the_users_imports_find(self):
        self.file("mine = True", "json.py")
        file = self.file(
            """
            import json
            def work():
                import json as again
                return [json.mine, again.mine]
            """
        )
        for model in self.under_each_model():
            self.assertEqual(self.run_host(model, file, "work").values, ["[True, True]"])

    def test_that_are_no_modules_cost_nothing(self):
        self.file("all of it", "trace.txt")
        self.file("1,2", "calendar.csv")
        self.file("a folder without __init__ gives way to a module", "queue/notes")
        file = self.file("import sys\ndef work(): return 'asyncio' in sys.modules")
        for model in self.under_each_model():
            if model != "async":
                self.assertEqual(self.run_host(model, file, "work").values, [False])

    def test_may_be_packages(self):
        self.file("mine = True", "queue/__init__.py")
        file = self.file("import queue\ndef work(): return queue.mine")
        for model in self.under_each_model():
            self.assertEqual(self.run_host(model, file, "work").values, [True])

    def test_may_be_the_users_file_itself(self):
        for name in ("json", "inspect", "traceback"):
            file = self.file("def work(): return __name__\ndef fails(): raise ValueError", f"{name}.py")
            self.assertIsNone(self.check(file, "work").record["problem"])
            for model in self.under_each_model():
                self.assertEqual(self.run_host(model, file, "work").values, [name])
                self.assertTrue(self.run_host(model, file, "fails").values[0].endswith("ValueError"))
            os.remove(file)

    def test_of_a_file_that_is_a_link_are_those_of_the_file_it_links_to(self):
        os.mkdir(os.path.join(self.folder, "real"))
        self.file("answer = 42", "real/neighbour.py")
        self.file(
            """
            import sys
            import neighbour
            def work(): return [neighbour.answer, sys.argv[0] == __file__]
            """,
            "real/work.py",
        )
        link = os.path.join(self.folder, "link.py")
        os.symlink("real/work.py", link)
        for model in self.under_each_model():
            self.assertEqual(self.run_host(model, link, "work").values, ["[42, True]"])


if __name__ == "__main__":
    unittest.main()
