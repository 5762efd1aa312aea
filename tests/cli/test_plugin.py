# SPDX-License-Identifier: Apache-2.0
"""Functions of a shared library under every model: ./libtasks.so:function."""

import os
import shutil
import unittest

from tool import MODELS, ToolTest

LIBRARY = os.environ["FANOUT_TEST_PLUGIN"]
LATER, OTHER, DYING = (os.environ[f"FANOUT_{name}_LIBRARY"] for name in ("LATER", "OTHER", "DYING"))
EXAMPLE = os.environ.get("FANOUT_EXAMPLE_PLUGIN", "")


def args(*values):
    return [word for value in values for word in ("--arg", value)]


class Plugin(ToolTest):
    def compare(self, function, *values, tasks=2, library=LIBRARY, options=()):
        return self.compare_json(f"{library}:{function}", *args(*values), "--tasks", str(tasks), "--rounds", "1",
                                 "--warmup", "0", *options)

    def result(self, function, *values, **more):
        result = self.compare(function, *values, **more)["workload"]["result"]
        return result["type"], result["value"]

    def refused(self, *words):
        done = self.run_tool("compare", *words)
        self.assertEqual((done.returncode, done.stdout_text), (2, ""), done.stderr_text)
        self.assertTrue(done.stderr_text.startswith("fanout: "), done.stderr_text)
        return done.stderr_text

    def failed(self, function, *values, model="serial"):
        done = self.run_tool("compare", f"{LIBRARY}:{function}", *args(*values), "--models", model, "--rounds", "1",
                             "--warmup", "0")
        self.assertEqual(done.returncode, 1, done.stdout_text)
        return done.stderr_text

    def test_every_model_calls_it_with_the_numbers_of_the_tasks(self):
        record = self.compare("negated", "{i}", tasks=3)
        self.assertEqual((record["workload"]["kind"], record["workload"]["args"]), ("plugin", ["{i}"]))
        self.assertEqual(record["workload"]["title"], f"{os.path.basename(LIBRARY)}:negated({{i}})")
        self.assertEqual({run["model"] for run in record["runs"]}, set(MODELS))
        for run in record["runs"]:
            self.assertEqual([(task["type"], task["value"]) for task in run["tasks"]],
                             [("int", "0"), ("int", "-1"), ("int", "-2")], run["model"])

    def test_arguments_of_every_kind(self):
        self.assertEqual(self.result("all_kinds", "true", "-128", "1.25", "a text", "[1, 2, 3]", '{"b": 2, "a": 1}', "null",
                                     "[0.5, 7]"),
                         ("str", "yes -128 5 a text 1 2 3 a=1 b=2 nothing 0.500000,7"))
        self.assertEqual(self.result("all_kinds", "false", "127", "2", '"quo\\u0074ed"', "[]", "{}", "4", "[-1e0, -7]"),
                         ("str", "no 127 8 quoted 4 -1.000000,-7"))

    def test_integers_of_128_bits_are_exact(self):
        least, most = -2**127, 2**127 - 1
        self.assertEqual(self.result("doubled", str(least // 2)), ("int", str(least)))
        self.assertEqual(self.result("doubled", str(most // 2)), ("int", str(most - 1)))
        self.assertEqual(self.result("unsigned_same", str(2**128 - 1)), ("int", str(2**128 - 1)))
        for function, value in (("doubled", str(most + 1)), ("doubled", str(least - 1)), ("unsigned_same", str(2**128)),
                                ("unsigned_same", "-1")):
            self.assertIn(f"argument 1: '{value}' is no whole number from ",
                          self.refused(f"{LIBRARY}:{function}", "--arg", value))

    def test_results_of_every_kind(self):
        self.assertEqual(self.result("half", "0.5"), ("float", 0.25))
        self.assertEqual(self.result("half", "4"), ("float", 2.0))
        self.assertEqual(self.result("is_even", "4"), ("bool", True))
        self.assertEqual(self.result("points", "2"), ("json", "[[0.5, 0], [1.5, -1]]"))
        self.assertEqual(self.result("repeated", "a\"\\\n\té", "2"), ("str", "a\"\\\n\téa\"\\\n\té"))
        self.assertEqual(self.result("nothing"), ("none", None))
        self.assertEqual(self.result("inner::in_a_namespace"), ("int", "7"))

    def test_a_long_text_is_compared_whole_and_shown_in_part(self):
        kind, value = self.result("repeated", "x", "200000", options=("--models", "serial,processes"))
        self.assertEqual((kind, value[:1001]), ("str", "x" * 1000 + "…"))
        self.assertIn("200000 bytes", value)

    def test_coroutines_run_at_the_same_time_on_one_loop_and_one_after_another_serially(self):
        record = self.compare("awaits", "{i}", "0.05", tasks=4, options=("--workers", "4"))
        for run in record["runs"]:
            self.assertEqual([task["value"] for task in run["tasks"]], ["0", "1", "2", "3"])
            first_end = min(task["end_s"] for task in run["tasks"])
            last_start = max(task["start_s"] for task in run["tasks"])
            if run["model"] in ("serial", "async"):  # when a pool's workers begin is the machine's affair
                self.assertEqual(last_start < first_end, run["model"] == "async", run["model"])
            self.assertEqual("loop" in run, run["model"] == "async")
            if run["model"] == "async":
                self.assertEqual(len(run["workers"]), 1)
        self.assertEqual(self.result("awaits_others", "go on"), ("none", None))

    @unittest.skipUnless(EXAMPLE, "the examples were not built")
    def test_a_blocking_function_blocks_its_loop(self):
        [run] = self.compare("wait", "0.05", tasks=3, library=EXAMPLE, options=("--models", "async"))["runs"]
        self.assertGreaterEqual(max(task["start_s"] for task in run["tasks"]),
                                min(task["end_s"] for task in run["tasks"]))

    @unittest.skipUnless(EXAMPLE, "the examples were not built")
    def test_the_example(self):
        record = self.compare("count_primes", "1000", library=EXAMPLE)
        self.assertEqual(record["workload"]["result"], {"type": "int", "value": "168"})
        self.assertEqual(self.result("wait_awaiting", "0.001", library=EXAMPLE), ("none", None))

    def test_processes_are_those_of_a_pool(self):
        for run in self.compare("process", tasks=2, options=("--models", "threads"))["runs"]:
            self.assertEqual(len({task["value"] for task in run["tasks"]}), 1)
        [run] = self.compare("process", tasks=40, options=("--models", "processes", "--workers", "2"))["runs"]
        self.assertLessEqual(len({task["value"] for task in run["tasks"]}), 2)
        self.assertEqual(len({task["value"] for task in run["tasks"]}), len(run["workers"]))

    def test_what_it_prints_is_shown_on_stderr(self):
        done = self.run_tool("compare", f"{LIBRARY}:prints", "--arg", "{i}", "--models", "serial", "--tasks", "1",
                             "--rounds", "1", "--warmup", "0")
        self.assertIn("this is 0", done.stderr_text)
        self.assertNotIn("this is 0", done.stdout_text)

    def test_an_exception_fails_its_model_with_type_and_message(self):
        for model in MODELS:
            self.assertIn("std::out_of_range: no 3 today", self.failed("fails", "3", model=model))
        for model in ("serial", "async"):
            self.assertIn("std::runtime_error: was told to stop", self.failed("awaits_others", "stop", model=model))
        self.assertIn("no std::exception", self.failed("throws_a_number"))

    def test_a_crash_fails_its_model(self):
        self.assertIn("ended without a result: SIGKILL", self.failed("crashes"))
        self.assertRegex(self.failed("crashes", model="processes"), "worker [0-9]+ died: SIGKILL")

    def test_wrong_arguments_are_told_before_anything_runs(self):
        for words, message in ((args("x"), "is_even of {}: argument 1: 'x' is no whole number from 0 to 18446744073709551615"),
                               (args("1.5"), "argument 1: '1.5' is no whole number"),
                               (args("-1"), "argument 1: '-1' is no whole number from 0"),
                               (args("[1]"), "argument 1: a list of 1 is no whole number"),
                               (args(), "it takes 1 argument, (whole number), not 0"),
                               (args("1", "2"), "it takes 1 argument, (whole number), not 2")):
            self.assertIn(message.format(LIBRARY), self.refused(f"{LIBRARY}:is_even", *words))
        self.assertIn("it takes no arguments, not 1", self.refused(f"{LIBRARY}:nothing", "--arg", "1"))
        many = ["true", "1", "1", "a", "[]", "{}", "1", "[1, 2]"]
        for place, wrong, problem in ((1, "1", "is no true or false"), (2, "128", "from -128 to 127"), (4, "5", "is no text"),
                                      (5, '["a"]', "'a' is no whole number"), (6, "[]", "is no object of whole number"),
                                      (8, "[1]", "a list of 1 is no list of 2 values")):
            with self.subTest(place=place):
                message = self.refused(f"{LIBRARY}:all_kinds", *args(*many[:place - 1], wrong, *many[place:]))
                self.assertIn(f"argument {place}: ", message)
                self.assertIn(problem, message)

    def test_a_function_that_is_not_exported_names_the_nearest_and_all(self):
        message = self.refused(f"{LIBRARY}:is_evn", "--arg", "1")
        self.assertIn("exports no function 'is_evn'; did you mean is_even? it exports all_kinds(", message)
        self.assertIn("is_even(whole number), points(whole number), repeated(text, whole number), nothing()", message)
        self.assertNotIn("did you mean", self.refused(f"{LIBRARY}:something_else"))
        for work in (LIBRARY, LIBRARY + ":"):
            self.assertIn(f"which function of {LIBRARY}? Write {LIBRARY}:FUNCTION; it exports all_kinds(",
                          self.refused(work))

    def test_libraries_that_cannot_be_used(self):
        self.assertIn("no such file: ./missing.so", self.refused("./missing.so:f"))
        os.mkdir(os.path.join(self.folder.name, "folder.so"))
        self.assertIn("./folder.so is a directory", self.refused("./folder.so:f"))
        self.write_file("text.so", "this is no library\n")
        self.assertIn("./text.so cannot be loaded: file too short", self.refused("./text.so:f"))
        self.write_file("long.so", "this is no library\n" * 1000)
        self.assertIn("./long.so cannot be loaded: invalid ELF header", self.refused("./long.so:f"))
        self.assertIn(f"{OTHER} exports no function to fanout: write FANOUT_EXPORT(function);", self.refused(OTHER + ":f"))
        self.assertIn("was built with a fanout whose plugins have version 99; this fanout has version 1",
                      self.refused(LATER + ":f"))
        self.assertIn(f"loading {DYING} ended the process: SIGABRT", self.refused(DYING + ":f"))

    def test_a_library_without_its_folder(self):
        shutil.copy(LIBRARY, os.path.join(self.folder.name, "libtasks.so"))
        self.assertIn("libtasks.so needs its folder before it: write ./libtasks.so:half\n",
                      self.refused("libtasks.so:half", "--arg", "1"))
        self.assertIn("no such file: libtask.so", self.refused("libtask.so:half"))
        self.assertEqual(self.result("half", "1", library="./libtasks.so"), ("float", 0.5))


@unittest.skipUnless(EXAMPLE and os.environ.get("FANOUT_WHOLE_COMPARISON"), "takes half a minute")
class WholeComparison(ToolTest):
    def verdicts(self, function, value, tasks):
        record = self.compare_json(f"{EXAMPLE}:{function}", "--arg", value, "--tasks", str(tasks), "--workers", str(tasks),
                                   "--reference", "serial", "--budget", "30s")
        return {pair["a"]: pair["verdict"] for pair in record["pairs"]}

    @unittest.skipIf(len(os.sched_getaffinity(0)) < 2, "needs two CPUs")
    def test_computing_needs_threads_or_processes(self):
        found = self.verdicts("count_primes", "5000000", 2)
        self.assertNotIn(found["threads"], ("slower", "equivalent"))  # on a busy machine much is undecided
        self.assertNotIn(found["async"], ("faster", "slower"))

    def test_blocking_waits_need_threads_or_processes(self):
        found = self.verdicts("wait", "0.1", 5)
        self.assertEqual((found["threads"], found["processes"]), ("faster", "faster"))
        self.assertNotIn(found["async"], ("faster", "slower"))

    def test_coroutines_wait_together(self):
        found = self.verdicts("wait_awaiting", "0.1", 5)
        self.assertEqual([found[model] for model in ("async", "threads", "processes")], ["faster"] * 3)


if __name__ == "__main__":
    unittest.main()
