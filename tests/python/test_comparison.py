# SPDX-License-Identifier: Apache-2.0
# fanout.compare: the tool, on functions of a running program.
import contextlib
import io
import os
import tempfile
import unittest

import package  # noqa: F401  (makes fanout importable)

import fanout

ONE_RUN = {"models": ["serial"], "rounds": 1, "warmup": 0}


def returned_by(comparison):
    return comparison.record["workload"]["result"]["value"]


def add(a, b=0):
    return a + b


def raise_error():
    raise ValueError("on purpose")


async def coroutine(x):
    return x + 1


class Comparison(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.addCleanup(setattr, tempfile, "tempdir", tempfile.tempdir)
        tempfile.tempdir = folder.name
        self.said = io.StringIO()
        self.enterContext(contextlib.redirect_stderr(self.said))

    def tearDown(self):
        self.assertEqual(os.listdir(tempfile.tempdir), [], "files were left behind")

    def test_every_model_runs_the_function(self):
        found = fanout.compare(add, (20, 22), rounds=1, warmup=0, tasks=3)
        self.assertEqual({entry["model"] for entry in found.summary}, {"serial", "async", "threads", "processes"})
        self.assertEqual((found.record["workload"]["tasks"], returned_by(found)), (3, "42"))
        self.assertIn("add.py:add(20, 22)", repr(found))
        self.assertIn("<td style='text-align:left'>processes</td>", found._repr_html_())
        self.assertTrue(found.verdict)
        self.assertEqual(found.exit_code, 0)

    def test_arguments_of_any_kind_arrive(self):
        self.assertEqual(returned_by(fanout.compare(add, ("a",), {"b": "{i}"}, **ONE_RUN)), "a{i}")
        self.assertEqual(returned_by(fanout.compare(add, (-(10**30),), **ONE_RUN)), str(-(10**30)))
        self.assertEqual(returned_by(fanout.compare(lambda text: text.group(), (Match("x"),), **ONE_RUN)), "x")

    def test_closures_and_coroutine_functions_can_be_compared(self):
        base = 5
        self.assertEqual(returned_by(fanout.compare(lambda x: x + base, (1,), **ONE_RUN)), "6")
        self.assertEqual(returned_by(fanout.compare(coroutine, (1,), models="async", rounds=1, warmup=0)), "2")

    def test_what_the_tool_says_goes_to_stderr(self):
        fanout.compare(print, ("printed by a task",), **ONE_RUN)
        self.assertIn("printed by a task", self.said.getvalue())

    def test_a_task_that_fails_is_in_the_record(self):
        found = fanout.compare(raise_error, **ONE_RUN)
        self.assertEqual(found.exit_code, 1)
        self.assertIn("on purpose", repr(found) + self.said.getvalue())

    def test_a_mistake_is_an_error_that_says_what_the_tool_said(self):
        with self.assertRaisesRegex(fanout.ComparisonFailed, "there is no model 'fibers'") as raised:
            fanout.compare(add, (1,), models=["fibers"])
        self.assertEqual(raised.exception.exit_code, 2)
        with self.assertRaisesRegex(TypeError, "function"):
            fanout.compare(5)


class Match:
    def __init__(self, text):
        self.text = text

    def group(self):
        return self.text


if __name__ == "__main__":
    unittest.main()
