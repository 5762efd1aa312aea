# SPDX-License-Identifier: Apache-2.0
"""Python functions on the command line: what WORK may be, their arguments, and the models beside the usual four."""

import json
import os
import sys
import unittest

from tool import HOSTS_PYTHON, SOURCE, ToolTest

sys.path.insert(0, os.path.join(SOURCE, "tests", "python"))
import interpreters  # noqa: E402

PEERS = ["asyncio.gather", "ThreadPoolExecutor", "multiprocessing.Pool", "ProcessPoolExecutor", "joblib"]
OURS = ["serial", "async", "threads", "processes", "processes/spawn", "processes/fork", "to_thread", "async/uvloop", "subinterpreters",
        "free-threading"]
ONCE = ("--rounds", "1", "--warmup", "0")


class PythonTest(ToolTest):
    def values(self, *args):
        record = self.compare_json(*args, "--models", "serial", *ONCE)
        return [task["value"] for task in record["runs"][0]["tasks"]]

    def refused(self, *args):
        done = self.run_tool("compare", *args)
        self.assertEqual((done.returncode, done.stdout_text), (2, ""), done.stderr_text)
        return done.stderr_text


@unittest.skipUnless(HOSTS_PYTHON, "this build has no Python extension")
class Work(PythonTest):
    def test_may_be_a_module_or_what_one_has(self):
        self.write_file("shapes.py", "class Shape:\n    @staticmethod\n    def double(n): return 2 * n\n")
        self.assertEqual(self.values("shapes:Shape.double", "--arg", "{i}"), ["0", "2"])
        self.assertEqual(self.values("math:factorial", "--arg", "25"), ["15511210043330985984000000"] * 2)
        self.assertIn("there is no module 'nowhere'", self.refused("nowhere:work"))

    def test_may_be_of_a_notebook(self):
        cells = [{"cell_type": "code", "source": source} for source in ("%time\nbase = 2", "def work(n): return base ** n", "1 / 0")]
        self.write_file("study.ipynb", json.dumps({"cells": cells}))
        done = self.run_tool("compare", "study.ipynb:work", "--arg", "100", "--format", "json", *ONCE)
        self.assertEqual(done.returncode, 0, done.stderr_text)
        self.assertEqual(json.loads(done.stdout_text)["workload"]["result"]["value"], str(2**100))
        self.assertIn("fanout: study.ipynb: left out what is not Python: %time (cell 1)\n", done.stderr_text)
        self.assertIn("which function of study.ipynb?", self.refused("study.ipynb"))

    def test_is_named_as_it_was_typed(self):
        record = self.compare_json("math:pow", "--arg", "2", "--arg", "{i}", "--models", "serial", *ONCE)
        self.assertEqual((record["workload"]["spec"], record["workload"]["title"]), ("math:pow", "math:pow(2, {i})"))

    def test_arguments_have_names_and_come_from_files(self):
        self.write_file("work.py", "def work(*positional, **named): return repr((positional, named))")
        self.write_file("inputs.jsonl", '[1, 2]\n{"a": 3}\n4\n')
        self.assertEqual(self.values("work.py:work", "--kwarg", "a={i}"), ["((), {'a': 0})", "((), {'a': 1})"])
        expected = ["((1, 2), {})", "((), {'a': 3})", "((4,), {})"]
        self.assertEqual(self.values("work.py:work", "--args-from", "inputs.jsonl"), expected)
        self.assertEqual(self.values("work.py:work", "--args-from", "inputs.jsonl", "--tasks", "2"), expected[:2])

    def test_wrong_arguments_say_which(self):
        self.write_file("work.py", "def work(n): pass")
        self.write_file("inputs.jsonl", "1\n[2\n")
        self.write_file("empty.jsonl", "\n")
        self.assertIn("inputs.jsonl, line 2: not JSON: ", self.refused("work.py:work", "--args-from", "inputs.jsonl"))
        self.assertIn("--tasks 3, but inputs.jsonl has arguments for 2 tasks", self.refused("work.py:work", "--args-from", "inputs.jsonl", "--tasks", "3"))
        self.assertIn("empty.jsonl has no lines", self.refused("work.py:work", "--args-from", "empty.jsonl"))
        self.assertIn("no such file: nowhere.jsonl", self.refused("work.py:work", "--args-from", "nowhere.jsonl"))
        for text in ("n", "1=2", "=2", "a b=1"):
            self.assertIn(f"--kwarg is NAME=VALUE, NAME a parameter of the function, not '{text}'", self.refused("work.py:work", "--kwarg", text))
        self.assertIn("--kwarg names n twice", self.refused("work.py:work", "--kwarg", "n=1", "--kwarg", "n=2"))
        for option in (("--kwarg", "n=1"), ("--args-from", "x"), ("--setup", "1"), ("--peers",)):
            self.assertIn(f"cpu:5 takes no {option[0]}: only Python functions do", self.refused("cpu:5", *option))
            self.assertIn(f"{option[0]} needs a function to go to", self.refused(*option))

    def test_setup_runs_first(self):
        self.write_file("work.py", "def work(): return ready")
        self.assertEqual(self.values("work.py:work", "--setup", "import math; ready = math.floor(7.5)"), ["7", "7"])
        self.assertIn("--setup failed:", self.refused("work.py:work", "--setup", "1 / 0"))

    def test_goes_on_after_an_interruption_with_all_it_was_begun_with(self):
        self.write_file("work.py", "def work(n, unit): return f'{n} {unit} {ready}'")
        self.write_file("inputs.jsonl", "1\n2\n")
        record = self.compare_json("work.py:work", "--args-from", "inputs.jsonl", "--kwarg", "unit=s", "--setup", "ready = 1",
                                   "--models", "serial,async", "--rounds", "3", "--warmup", "0")
        values = [task["value"] for task in record["runs"][0]["tasks"]]
        self.assertEqual(values, ["1 s 1", "2 s 1"])
        record["plan"]["interrupted"] = True
        record["plan"]["order"] = record["plan"]["order"][:1]
        record["rounds"] = record["rounds"][:1]
        record["runs"] = [run for run in record["runs"] if run["round"] == 1]
        self.write_file("record.json", json.dumps(record))
        done = self.run_tool("compare", "--resume", "record.json", "--format", "json")
        self.assertEqual(done.returncode, 0, done.stderr_text)
        resumed = json.loads(done.stdout_text)
        self.assertEqual(len(resumed["runs"]), 6)
        self.assertEqual([task["value"] for task in resumed["runs"][-1]["tasks"]], values)


@unittest.skipUnless(HOSTS_PYTHON, "this build has no Python extension")
class Models(PythonTest):
    def test_that_cannot_run_say_why(self):
        done = self.run_tool("compare", "asyncio:sleep", "--arg", "0", "--models", "all", "--python", "/usr/bin/python3", *ONCE)
        self.assertEqual(done.returncode, 0, done.stderr_text)
        self.assertRegex(done.stdout_text, r"(?m)^ +–  to_thread +n/a: it is for plain functions, and sleep is a coroutine function")
        self.assertRegex(done.stdout_text, r"(?m)^ +–  free-threading +n/a: needs a free-threaded build of Python 3\.13 or later")

    def test_of_python_are_not_offered_for_native_work(self):
        done = self.run_tool("compare", "cpu:1000", "--models", "serial,to_thread", *ONCE)
        self.assertRegex(done.stdout_text, r"(?m)^ +–  to_thread +n/a: not offered for native work")

    def test_of_other_libraries_are_compared_too(self):
        record = self.compare_json("math:factorial", "--arg", "2000", "--models", "serial,threads", "--peers", *ONCE)
        here = [name for name in PEERS if name not in [one["model"] for one in record.get("unavailable", [])]]
        self.assertLessEqual(set(PEERS[:4]), set(here))
        self.assertEqual({run["model"] for run in record["runs"]}, {"serial", "threads", *here})
        self.assertEqual(record["plan"]["models"], ["serial", "threads", *PEERS])
        self.assertIn("value", record["workload"]["result"])

    def test_of_other_libraries_can_be_named_and_claimed_about(self):
        claim = "ThreadPoolExecutor < 1000*serial"
        done = self.run_tool("compare", "time:sleep", "--arg", "0.02", "--tasks", "4", "--models", "serial,ThreadPoolExecutor",
                             "--rounds", "3", "--warmup", "0", "--assert", claim)
        self.assertEqual(done.returncode, 0, done.stderr_text)
        self.assertIn(claim, done.stdout_text)

    def test_run_in_every_interpreter_that_there_is(self):
        """What each can do it does, and what it cannot it says why. interpreters.py names those that are left out."""
        for python, version in interpreters.find().items():
            with self.subTest(python):
                record = self.compare_json("math:factorial", "--arg", "20", "--models", "all", "--peers", "--python", python, *ONCE)
                reasons = {one["model"]: one["reason"] for one in record.get("unavailable", [])}
                self.assertEqual({run["model"] for run in record["runs"]} | set(reasons), {*OURS, *PEERS})
                for run in record["runs"]:
                    self.assertEqual([task["value"] for task in run["tasks"]], ["2432902008176640000"] * 2, run["model"])
                allowed = {"free-threading": "needs a free-threaded build", "async/uvloop": "uvloop is not installed for ",
                           "joblib": "joblib is not installed for "}
                if version < (3, 12):
                    allowed["subinterpreters"] = "needs Python 3.12 or later, this is "
                for model, reason in reasons.items():
                    self.assertTrue(reason.startswith(allowed[model]), f"{model}: {reason}")
                self.assertEqual("subinterpreters" in reasons, version < (3, 12))
                self.assertEqual(record["python"]["version"], ".".join(map(str, version)))


if __name__ == "__main__":
    unittest.main()
