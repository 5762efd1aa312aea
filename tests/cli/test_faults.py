# SPDX-License-Identifier: Apache-2.0
"""Work that goes wrong under one model: its row says why, the others have their verdict, nothing stays behind."""

import json
import re
import unittest

from tool import HOSTS_PYTHON, MODELS, ToolTest

PREAMBLE = """
import asyncio, ctypes, os, resource, signal, subprocess, sys, threading, time

def under(model):
    if "worker.py" in map(os.path.basename, sys.orig_argv): return model == "processes"
    try:
        asyncio.get_running_loop()
        return model == "async"
    except RuntimeError:
        main = threading.current_thread() is threading.main_thread()
        return model == ("serial" if main else "threads")

"""


@unittest.skipUnless(HOSTS_PYTHON, "this build has no Python extension")
class Faults(ToolTest):
    def compare(self, function, *options, code):
        """The record of a function of two tasks, and what was printed."""
        self.write_file("tasks.py", PREAMBLE + function)
        done = self.run_tool("compare", "tasks.py:task", "--rounds", "2", "--warmup", "0", "--export-json", "record.json",
                             *options)
        if code is not None:
            self.assertEqual(done.returncode, code, done.stderr_text)
        with open(f"{self.folder.name}/record.json") as file:
            return json.load(file), done

    def fails(self, function, model, reason, *options):
        """That model alone, with this reason in its row."""
        record, done = self.compare(function, *options, code=1)
        others = [other for other in MODELS if other != model]
        self.assertEqual([failure["models"] for failure in record["failures"]], [[model]], done.stderr_text)
        self.assertRegex(done.stdout_text, rf"(?m)^ +–  {model} +failed: {reason}")
        self.assertEqual(sorted(row["model"] for row in record["summary"]), sorted(others))
        self.assertEqual(len(record["pairs"]), 3)
        self.assertIn(f"{others[0]}, {others[1]} and {others[2]} returned 1 ✔", done.stdout_text)

    def works(self, function, *options):
        """Under every model."""
        record, done = self.compare(function, *options, code=0)
        self.assertEqual((len(record["summary"]), len(record["pairs"])), (4, 6))
        self.assertIn("every model returned 1 ✔", done.stdout_text)
        return done

    def test_a_crash(self):
        crash = "    if under({!r}): ctypes.string_at(0)\n    return 1\n"
        self.fails("def task():\n" + crash.format("threads"), "threads",
                   r"the process that ran the tasks ended without a result: SIGSEGV")

    def test_a_crash_in_a_worker(self):
        self.fails("def task():\n    if under('processes'): os.abort()\n    return 1\n", "processes",
                   r"worker \d+ died: SIGABRT")

    def test_a_hang(self):
        self.fails("def task():\n    if under('async'): time.sleep(1000)\n    return 1\n", "async", "no result after 8 s",
                   "--timeout", "8s")

    def test_a_hang_in_a_worker_that_ignores_signals(self):
        self.fails("def task():\n    if under('processes'):\n"
                   "        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP): signal.signal(number, signal.SIG_IGN)\n"
                   "        while True: pass\n    return 1\n", "processes", "no result after 8 s", "--timeout", "8s")

    def test_an_exit(self):
        self.fails("def task():\n    if under('serial'): os._exit(3)\n    return 1\n", "serial",
                   "the process that ran the tasks ended without a result: exit code 3")

    def test_memory_that_runs_out(self):
        self.fails("def task():\n    if under('threads'):\n"
                   "        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))\n"
                   "        eaten = []\n"
                   "        while True: eaten.append(bytearray(1 << 24))\n"
                   "    return 1\n", "threads", "MemoryError")

    def test_memory_that_runs_out_in_a_worker(self):
        self.fails("def task():\n    if under('processes'):\n"
                   "        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))\n"
                   "        eaten = []\n"
                   "        while True: eaten.append(bytearray(1 << 24))\n"
                   "    return 1\n", "processes", "MemoryError")

    def test_a_result_that_cannot_be_sent_back(self):
        self.fails("class Answer:\n"
                   "    def __init__(self): self.lock = threading.Lock()\n"
                   "    def __repr__(self): return '1'\n"
                   "def task(): return Answer()\n", "processes",
                   r"unpicklable result \(Answer\): TypeError: cannot pickle '_thread.lock' ")

    def test_exits_of_python(self):
        for model in MODELS:
            with self.subTest(model):
                self.fails(f"def task():\n    if under({model!r}): sys.exit(2)\n    return 1\n", model, "SystemExit: 2")

    def test_ends_of_the_process(self):
        for fault, model, reason in (("os._exit(3)", "threads", "the process that ran the tasks ended without a result: exit code 3"),
                                     ("os._exit(3)", "processes", r"worker \d+ .*exit code 3|worker \d+ .*3"),
                                     ("os.abort()", "serial", "the process that ran the tasks ended without a result: SIGABRT"),
                                     ("ctypes.string_at(0)", "async", "the process that ran the tasks ended without a result: SIGSEGV"),
                                     ("ctypes.string_at(0)", "processes", r"worker \d+ died: SIGSEGV")):
            with self.subTest(f"{fault} under {model}"):
                self.fails(f"def task():\n    if under({model!r}): {fault}\n    return 1\n", model, reason)

    def test_a_thread_that_waits_for_itself(self):
        self.fails("def task():\n    if under('threads'):\n        lock = threading.Lock()\n        with lock, lock: pass\n    return 1\n",
                   "threads", "no result after 8 s", "--timeout", "8s")

    def test_a_loop_without_end(self):
        self.fails("def task():\n    if under('serial'):\n        while True: pass\n    return 1\n", "serial", "no result after 8 s",
                   "--timeout", "8s")

    def test_threads_of_the_import(self):
        self.works("for daemon in (True, False): threading.Thread(target=threading.Event().wait, daemon=daemon).start()\n"
                   "def task(): return 1\n")

    def test_a_fork_of_the_import(self):
        """One of the two runs the tasks, and the other ends."""
        self.write_file("counted", "")
        self.works("os.fork()\n"
                   "def task():\n"
                   "    with open('counted', 'a') as file: file.write('x')\n"
                   "    return 1\n")
        with open(f"{self.folder.name}/counted") as file:
            self.assertEqual(len(file.read()), 4 * 2 * 2)  # models, rounds, tasks

    def test_prints_of_the_import(self):
        done = self.works("print('imported')\nos.write(1, b'raw\\n')\ndef task(): return 1\n")
        self.assertNotIn("imported", done.stdout_text)
        self.assertNotIn("raw", done.stdout_text)
        self.assertIn("imported\n", done.stderr_text)

    def test_a_module_that_is_not_the_program(self):
        """Every row says so, and nothing else can be said."""
        record, done = self.compare("if __name__ == '__main__': result = 1\ndef task(): return result\n", code=1)
        self.assertEqual(len(re.findall(r"(?m)^ +–  \w+ +failed: NameError: name 'result' is not defined", done.stdout_text)), 4)
        self.assertEqual(record["summary"], [])

    def test_prints(self):
        done = self.works("def task():\n    if under('processes'):\n"
                          "        for i in range(3000): print('line', i, flush=True)\n    return 1\n")
        self.assertEqual(done.stderr_text.count("] line 2999\n"), 4)
        self.assertNotIn("line", done.stdout_text)

    def test_a_fork_that_lives_on(self):
        """tearDown sees that it is gone."""
        self.works("def task():\n    if under('threads'):\n"
                   "        if os.fork() == 0:\n            os.setsid()\n            time.sleep(1000)\n    return 1\n")

    def test_a_fork_that_returns_twice(self):
        """Its copy runs on as if it were the host; whatever comes of that, it comes of that model alone."""
        for model in ("serial", "threads", "processes"):
            with self.subTest(model):
                record, done = self.compare(f"def task():\n    if under({model!r}): os.fork()\n    return 1\n", "--timeout",
                                            "20s", code=None)
                rows = {row["model"] for row in record["summary"]}
                self.assertLessEqual(set(MODELS) - {model}, rows, done.stderr_text)

    def test_leaks(self):
        self.works("leaked = []\n"
                   "def task():\n    if under('processes') or under('threads'):\n"
                   "        leaked.extend(bytearray(1 << 20) for _ in range(50))\n"
                   "        leaked.extend(os.open('/dev/null', os.O_RDONLY) for _ in range(100))\n"
                   "        leaked.append(subprocess.Popen(['sleep', '1000']))\n"
                   "        threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()\n"
                   "    return 1\n")


if __name__ == "__main__":
    unittest.main()
