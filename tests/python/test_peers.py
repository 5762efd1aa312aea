# SPDX-License-Identifier: Apache-2.0
# The models beside the four usual ones: variants of ours, and what other libraries have. Each runs here if it can, under the
# interpreter that has it; what is said of the others is in test_check.py.
import os
import unittest
from importlib.util import find_spec

import interpreters
from support import EXTENSION, HostTest, Run

PEERS = ["asyncio.gather", "ThreadPoolExecutor", "multiprocessing.Pool", "ProcessPoolExecutor"]
PROCESSES = ["multiprocessing.Pool", "ProcessPoolExecutor"]
if find_spec("joblib"):
    PEERS.append("joblib")
    PROCESSES.append("joblib")
VARIANTS = ["to_thread"] + (["async/uvloop"] if find_spec("uvloop") else [])
WITH_OWN_LOCKS = next((python for python, version in interpreters.find().items() if version >= (3, 12)), None)


class Others(HostTest):
    def each(self, models):
        for model in models:
            with self.subTest(model=model):
                yield model

    def test_return_what_each_task_returns(self):
        file = self.file("def work(i, *, times): return [i * times, 10**30, 'ä']")
        for model in self.each(PEERS + VARIANTS):
            run = self.run_host(model, file, "work", "{i}", named=["times=2"], tasks=20, workers=3)
            self.assertEqual(run.values, [f"[{i * 2}, {10**30}, 'ä']" for i in range(20)])

    def test_run_coroutine_functions(self):
        file = self.file("import asyncio\nasync def work(i): return await asyncio.sleep(0.001, i)")
        for model in self.each(PEERS + VARIANTS[1:]):
            self.assertEqual(self.run_host(model, file, "work", "{i}", tasks=4).values, ["0", "1", "2", "3"])

    def test_report_an_exception_with_the_users_frames_only(self):
        file = self.file("def work(i): return 1 / i")
        for model in self.each(PEERS + VARIANTS):
            run = self.run_host(model, file, "work", "{i}", tasks=3)
            self.assertEqual([task["ok"] for task in run.tasks], [False, True, True])
            self.assertEqual(run.tasks[0]["summary"], "ZeroDivisionError: division by zero")
            self.assertEqual(run.tasks[0]["error"].count('  File "'), 1, run.tasks[0]["error"])

    def test_are_metered_like_ours(self):
        file = self.file(
            """
            import time
            def work(seconds):
                start = time.thread_time()
                while time.thread_time() < start + seconds: pass
                return time.thread_time() - start
            """
        )
        for model in self.each(PEERS + VARIANTS):
            record = self.run_host(model, file, "work", "0.05", tasks=2).record
            own = [0.0] * len(record["workers"])
            for task in record["tasks"]:
                own[task["worker"]] += task["value"]
                self.assertGreaterEqual(record["wall_s"], task["end_s"])
            for worker, counted in zip(record["workers"], own, strict=True):
                self.assertGreaterEqual(worker["cpu_s"], counted)
                self.assertGreaterEqual(worker["runq_s"], 0)
            self.assertGreaterEqual(record["cpu_user_s"] + record["cpu_sys_s"], 0.095)
            self.assertEqual("gil" in record, model in ("to_thread", "ThreadPoolExecutor"))
            self.assertEqual("pid" in record["workers"][0], model in PROCESSES)

    def test_leave_nothing_behind(self):
        file = self.file("import os\ndef work(): return os.getpid()")
        for model in self.each(PROCESSES):
            for process in set(self.run_host(model, file, "work", tasks=4, workers=2).values):
                self.assertFalse(os.path.exists(f"/proc/{process}"), process)

    def test_have_the_functions_of_a_notebook(self):
        file = self.file('{"cells": [{"cell_type": "code", "source": ["def work(): return 1"]}]}', "study.ipynb")
        for model in self.each(PEERS + VARIANTS):
            self.assertEqual(self.run_host(model, file, "work").values, ["1"])

    def test_say_so_when_a_worker_dies(self):
        file = self.file("import os\ndef work(i):\n    if i == 1: os._exit(3)\n    return i")
        for model in self.each(PROCESSES):
            run = self.run_host(model, file, "work", "{i}", tasks=3)
            self.assertFalse(run.tasks[1]["ok"])
            reason = "died \\(exit code 3\\)" if model == "multiprocessing.Pool" else "BrokenProcessPool|TerminatedWorkerError"
            self.assertRegex(run.tasks[1]["error"], reason)

    def test_run_beside_threads_no_more_tasks_than_workers(self):
        file = self.file("import threading\ndef work(): return threading.get_ident()")
        for model in self.each(["to_thread", "ThreadPoolExecutor"]):
            self.assertLessEqual(len(set(self.run_host(model, file, "work", tasks=30, workers=2).values)), 2)

    def test_without_the_extension_lack_the_gil_meter_only(self):
        if EXTENSION:
            self.skipTest("this build has it")
        run = Run("--model=to_thread", f"--file={self.file('def work(): return 1')}", "--function=work")
        self.assertEqual((run.values, run.record["gil"]["unavailable"][:26]), (["1"], "it takes fanout's extension"[:26]))


@unittest.skipUnless(WITH_OWN_LOCKS, "no Python 3.12 or later here")
class Subinterpreters(HostTest):
    def run_in_them(self, file, *arguments, tasks=1, workers=2, **how):
        return self.run_host("subinterpreters", file, "work", *arguments, tasks=tasks, workers=workers, interpreter=WITH_OWN_LOCKS,
                             interpreter_name=WITH_OWN_LOCKS, **how)

    def trial(self, file):
        return self.check(file, "work", attempt="subinterpreters", interpreter=WITH_OWN_LOCKS, interpreter_name=WITH_OWN_LOCKS).record["problem"]

    def test_run_at_the_same_time_in_one_process_with_a_module_each(self):
        file = self.file(
            """
            import os, pathlib, time
            folder = pathlib.Path(__file__).parent
            calls = []
            def work(i, count):
                calls.append(i)
                (folder / f"here{i}").touch()
                while not all((folder / f"here{other}").exists() for other in range(count)): time.sleep(0.001)
                return [os.getpid(), len(calls)]
            """
        )
        run = self.run_in_them(file, "{i}", "3", tasks=3, workers=3)
        [(process, calls)] = {tuple(eval(value)) for value in run.values}
        self.assertEqual(calls, 1)
        self.assertEqual(len(run.record["workers"]), 3)

    def test_report_exceptions_prints_and_values_as_the_others(self):
        file = self.file("def work(i):\n    print('line', i)\n    return 1 / i")
        run = self.run_in_them(file, "{i}", tasks=3)
        self.assertEqual([task["ok"] for task in run.tasks], [False, True, True])
        self.assertEqual(run.tasks[0]["summary"], "ZeroDivisionError: division by zero")
        self.assertEqual(sorted(run.lines), ["line 0", "line 1", "line 2"])

    def test_fail_a_task_alone_whose_value_cannot_be_pickled(self):
        run = self.run_in_them(self.file("def work(i): return (i for i in ()) if i == 1 else i"), "{i}", tasks=3)
        self.assertEqual([task["ok"] for task in run.tasks], [True, False, True])
        self.assertRegex(run.tasks[1]["summary"], r"^unpicklable result \(generator\): TypeError: ")

    def test_carry_megabytes(self):
        self.assertIn("5000000 characters", self.run_in_them(self.file("def work(n): return 'x' * n"), "5000000").values[0])

    def test_run_exit_functions_and_write_files_out(self):
        file = self.file(
            """
            import atexit
            opened = open(__file__ + ".out", "a")
            atexit.register(lambda: print("exit function"))
            def work(): opened.write("written")
            """
        )
        self.assertEqual(self.run_in_them(file).lines, ["exit function", "exit function"])  # the first interpreter has it too
        with open(file + ".out") as written:
            self.assertEqual(written.read(), "written")

    def test_that_cannot_import_the_file_say_why(self):
        self.assertIsNone(self.trial(self.file("def work(): return 1")))
        problem = self.trial(self.file("import _fanout_test_nowhere\ndef work(): return 1"))
        self.assertIn("in a sub-interpreter fails: ModuleNotFoundError: No module named '_fanout_test_nowhere'", problem)
        # An extension that does not say that it can be in several interpreters: ours.
        problem = self.trial(self.file(f"import sys\nsys.path.append({os.environ['FANOUT_PYTHON_DIR']!r})\nimport _fanout\ndef work(): return 1"))
        if EXTENSION:
            self.assertIn("_fanout does not support loading in subinterpreters", problem)


class FreeThreading(HostTest):
    """There is no such interpreter in Debian 12: what it would do is shown by one that says it has no lock."""

    def setUp(self):
        super().setUp()
        site = self.file("import sys\nsys._is_gil_enabled = lambda: False\n", "site/sitecustomize.py")
        self.pretending = {"PYTHONPATH": os.path.dirname(site)}

    def test_runs_threads_without_a_lock(self):
        run = self.run_host("free-threading", self.file("def work(i): return i"), "work", "{i}", tasks=3, environment=self.pretending)
        self.assertEqual(run.values, ["0", "1", "2"])
        self.assertEqual((run.record["gil"]["waits"], run.record["gil"]["method"]), (0, "none: this interpreter runs without its lock"))

    def test_fails_when_the_lock_is_on_again(self):
        file = self.file("import sys\ndef work(): sys._is_gil_enabled = lambda: True")
        self.assertIn("lock (GIL) is on", self.run_host("free-threading", file, "work", environment=self.pretending).record["error"])

    def test_is_offered_where_there_is_no_lock(self):
        file = self.file("def work(): pass")
        self.assertIn("needs a free-threaded build", self.check(file, "work").record["models"]["free-threading"])
        self.assertIsNone(self.check(file, "work", environment=self.pretending).record["models"]["free-threading"])


if __name__ == "__main__":
    unittest.main()
