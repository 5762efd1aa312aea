# SPDX-License-Identifier: Apache-2.0
# What host.py --check says before anything is run.
import os
import platform
import shutil
import sys
import tempfile
import unittest

from support import HOST, MODELS, NOTEBOOK, HostTest, Run, needs_extension


class Check(HostTest):
    def problem(self, file, *functions, arguments=()):
        return self.check(file, *functions, arguments=arguments).record["problem"]

    def test_tells_what_the_interpreter_is(self):
        record = Run("--check").record
        self.assertEqual(
            record["python"],
            {
                "version": platform.python_version(),
                "executable": sys.executable,
                "implementation": platform.python_implementation(),
                "gil": "on",
                "switch_interval_s": 0.005,
            },
        )
        self.assertLessEqual(set(MODELS), {name for name, problem in record["models"].items() if problem is None})

    def test_tells_where_the_interpreter_is_though_it_does_not_know_itself(self):
        record = Run("--check", interpreter_name="python3", environment={"PATH": None}).record
        self.assertTrue(os.path.samefile(record["python"]["executable"], sys.executable))

    def test_names_the_models_that_need_the_extension_when_it_is_missing(self):
        with tempfile.TemporaryDirectory() as folder:
            copied = shutil.copytree(os.path.dirname(HOST), os.path.join(folder, "lib"), ignore=shutil.ignore_patterns("*.so"))
            models = Run("--check", host=os.path.join(copied, "host.py")).record["models"]
        self.assertIsNone(models["serial"])
        self.assertIsNone(models["async"])
        self.assertEqual(models["threads"], "this fanout was built without its Python extension (python3-dev was missing)")

    @needs_extension
    def test_names_the_models_that_need_the_extension_when_it_does_not_load(self):
        with tempfile.TemporaryDirectory() as folder:
            copied = shutil.copytree(os.path.dirname(HOST), os.path.join(folder, "lib"))
            with open(os.path.join(copied, "_fanout.abi3.so"), "w") as extension:
                extension.write("not an ELF file at all")
            models = Run("--check", host=os.path.join(copied, "host.py")).record["models"]
        self.assertIsNone(models["serial"])
        self.assertIn("fanout's extension does not load in", models["threads"])

    def test_finds_nothing_wrong_with_what_can_be_run(self):
        self.assertIsNone(self.problem(NOTEBOOK, "cpu_task", arguments=["10"]))
        self.assertIsNone(self.problem(NOTEBOOK, "fetch_data", "fetch_data_async", arguments=["{i}", "1"]))

    def test_shows_where_a_syntax_error_is(self):
        problem = self.problem(self.file("def work(:\n  pass\n"), "work")
        self.assertIn("work.py is not valid Python:", problem)
        self.assertIn("line 1", problem)
        self.assertIn("^", problem)
        self.assertIn("SyntaxError", problem)

    def test_shows_the_traceback_of_a_failing_import(self):
        problem = self.problem(self.file("import no_such_module\ndef work(): pass\n"), "work")
        self.assertRegex(problem, r"importing .*work\.py failed:\nTraceback")
        self.assertTrue(problem.endswith("ModuleNotFoundError: No module named 'no_such_module'"), problem)
        self.assertEqual(problem.count('  File "'), 1, problem)

    def test_takes_an_exit_at_import_as_a_failing_import(self):
        self.assertIn("SystemExit: 4", self.problem(self.file("raise SystemExit(4)"), "work"))

    def test_names_the_functions_that_there_are_the_nearest_first(self):
        file = self.file(
            """
            from os.path import join
            def other(): pass
            def compute_all(): pass
            def _hidden(): pass
            def compute(): pass
            """
        )
        self.assertTrue(self.problem(file, "comptue").endswith("has no function 'comptue'; it has compute, compute_all, other"))

    def test_says_so_when_there_is_no_function_at_all(self):
        self.assertIn("it defines no functions at all", self.problem(self.file("x = 1"), "work"))

    def test_refuses_what_cannot_be_called(self):
        problem = self.problem(self.file("work = 1\ndef works(): pass\n"), "work")
        self.assertRegex(problem, r"'work' in .*work\.py is not a function but an int; it has works")

    def test_refuses_arguments_that_do_not_fit(self):
        file = self.file("def work(n, unit='s'): pass")
        self.assertEqual(
            self.problem(file, "work"),
            "work(n, unit='s') cannot be called so: missing a required argument: 'n' (0 arguments given; each --arg is one argument)",
        )
        self.assertIn("too many positional arguments (3 arguments given", self.problem(file, "work", arguments=["1"] * 3))

    def test_says_that_forks_are_not_offered_where_the_import_leaves_threads_running(self):
        joined = "import threading\nthread = threading.Thread(target=int)\nthread.start()\nthread.join()\ndef work(): pass"
        left = "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\ndef work(): pass"
        models = [self.check(self.file(source), "work").record["models"]["processes/fork"] for source in (joined, left)]
        self.assertIsNone(models[0])
        self.assertRegex(models[1], "^importing .*work.py starts 1 thread: a fork would find locked for ever")

    def test_is_not_confused_by_what_the_import_prints(self):
        file = self.file("import os\nprint('{}')\nos.write(1, b'{}')\nos.write(2, b'{}')\ndef work(): pass\n")
        self.assertIsNone(self.problem(file, "work"))


if __name__ == "__main__":
    unittest.main()
