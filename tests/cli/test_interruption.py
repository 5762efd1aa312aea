# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C and worse: whatever was started is gone afterwards. tearDown counts processes."""

import json
import os
import select
import signal
import unittest

from tool import FANOUT, HOSTS_PYTHON, MODELS, ToolTest, marked_processes, subprocess, wait_until


class Interruption(ToolTest):
    def started(self, model):
        """A comparison whose tasks would take a minute, caught while they run."""
        process = self.start("compare", "sleep:60", "--models", model, start_new_session=True)
        self.host_of(process)
        if model == "processes":
            wait_until(lambda: len(self.processes_of(process)) > 5, "five workers")
        return process

    def test_ctrl_c_ends_everything(self):
        for model in MODELS:
            with self.subTest(model):
                process = self.started(model)
                os.killpg(process.pid, signal.SIGINT)
                out, err = process.communicate(timeout=30)
                self.assertEqual(process.returncode, 130, err)
                self.assertIn("fanout: interrupted\n", err)
                self.assertEqual(marked_processes(self.mark), [])

    WORK = ("sleep:0.15", "--models", "serial,async", "--seed", "5")

    def interrupted_after_two_rounds(self):
        """Its record, in part.json."""
        process = self.start("compare", *self.WORK, "--rounds", "6", "--export-json", "part.json")
        while "round 2 of 6" not in (line := process.stderr.readline()):
            self.assertTrue(line)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
        self.assertEqual(process.returncode, 130, err)
        rounds = len(self.record("part.json")["plan"]["order"])
        self.assertEqual(err, f"fanout: part.json has {rounds} rounds of at most 6; fanout compare --resume part.json goes on\n"
                              "fanout: interrupted\n")
        return self.record("part.json")

    def record(self, name):
        with open(os.path.join(self.folder.name, name)) as file:
            return json.load(file)

    def test_what_ctrl_c_interrupts_can_be_resumed(self):
        part = self.interrupted_after_two_rounds()
        self.assertTrue(part["plan"]["interrupted"])
        shown = self.run_tool("explain", "part.json")
        self.assertEqual(shown.returncode, 0, shown.stderr_text)
        self.assertIn("fanout compare --resume FILE", " ".join(shown.stdout_text.split()))
        done = self.run_tool("compare", "--resume", "part.json")
        self.assertEqual(done.returncode, 0, done.stderr_text)
        self.assertIn("every model finished all 5 tasks ✔", done.stdout_text)
        whole = self.record("part.json")
        self.assertNotIn("interrupted", whole["plan"])
        self.assertEqual(whole["runs"][:len(part["runs"])], part["runs"])
        at_once = self.compare_json("sleep:0.01", *self.WORK[1:], "--rounds", "6")
        self.assertEqual(whole["plan"]["order"], at_once["plan"]["order"])

        for options, problem in (((), "part.json: the experiment is complete"),
                                 (("--tasks", "3"), "goes on as part.json was begun, so leave --tasks out"),
                                 (("cpu:5",), "so leave WORK out")):
            refused = self.run_tool("compare", "--resume", "part.json", *options)
            self.assertEqual((refused.returncode, refused.stdout_text), (2, ""))
            self.assertIn(problem, refused.stderr_text)

    def test_a_scan_is_resumed_where_it_was(self):
        process = self.start("compare", "sleep:0.5", "--models", "async", "--tasks", "1,2,3", "--rounds", "3", "--warmup", "0",
                             "--seed", "5", "--export-json", "part.json")
        for last in ("round 3 of 3", "round 2 of 3"):  # the first point is whole, and a part of the second
            while last not in (line := process.stderr.readline()):
                self.assertTrue(line)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
        self.assertEqual(process.returncode, 130, err)
        points = self.record("part.json")["points"]
        whole = sum("interrupted" not in point["plan"] for point in points)
        self.assertGreaterEqual(whole, 1)
        self.assertIn(f"fanout: part.json has {whole} of 3 comparisons whole; fanout compare --resume part.json goes on\n", err)
        self.assertEqual([point["workload"]["tasks"] for point in points], [1, 2, 3])
        shown = self.run_tool("explain", "part.json")
        self.assertEqual(shown.returncode, 0, shown.stderr_text)

        done = self.run_tool("compare", "--resume", "part.json")
        self.assertEqual(done.returncode, 0, done.stderr_text)
        self.assertIn("best: async everywhere", done.stdout_text)
        resumed = self.record("part.json")["points"]
        self.assertEqual([(len(point["plan"]["order"]), "interrupted" in point["plan"]) for point in resumed], [(3, False)] * 3)
        for before, after in zip(points, resumed):
            self.assertEqual((after["runs"][:len(before["runs"])], after["seed"]), (before["runs"], 5))
        self.assertIn("the experiment is complete", self.run_tool("compare", "--resume", "part.json").stderr_text)

    @unittest.skipUnless(HOSTS_PYTHON, "this build has no Python extension")
    def test_the_notebook_is_resumed_where_it_was(self):
        process = self.start("compare", "--models", "async", "--rounds", "1", "--tasks", "1", "--warmup", "0", "--export-json",
                             "part.json", "--format", "json")
        while "round 1 of 1" not in (line := process.stderr.readline()):  # the first part is whole
            self.assertTrue(line)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
        self.assertEqual(process.returncode, 130, err)
        parts = self.record("part.json")["comparisons"]
        names = [part["name"] for part in parts]
        self.assertEqual(names, ["waits, native", "CPU work, native", "waits, Python", "CPU work, Python"])
        done = self.run_tool("compare", "--resume", "part.json", "--format", "json")
        self.assertEqual(done.returncode, 0, done.stderr_text)
        whole = self.record("part.json")["comparisons"]
        self.assertEqual(whole, json.loads(done.stdout_text)["comparisons"])
        self.assertEqual(whole[0]["runs"], parts[0]["runs"])
        for part in whole:
            self.assertEqual((len(part["runs"]), "interrupted" in part["plan"]), (1, False), part["name"])

    def test_nothing_is_resumed_on_another_machine(self):
        part = self.compare_json("cpu:1000", "--rounds", "3")
        part["plan"].update(interrupted=True, looks=[5])
        part["machine"]["kernel"] = "0.1"
        self.write_file("part.json", json.dumps(part))
        refused = self.run_tool("compare", "--resume", "part.json")
        self.assertEqual((refused.returncode, refused.stdout_text), (2, ""))
        self.assertIn("part.json: cannot go on: the machine's kernel was \"0.1\", now it is ", refused.stderr_text)
        self.assertEqual(self.record("part.json"), part)

    def test_ctrl_c_before_the_first_round_leaves_no_file(self):
        process = self.start("compare", "sleep:60", "--models", "async", "--export-json", "part.json")
        self.host_of(process)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.communicate(timeout=30)[1], "fanout: interrupted\n")
        self.assertEqual(os.listdir(self.folder.name), [])

    @unittest.skipUnless(HOSTS_PYTHON, "this build has no Python extension")
    def test_a_python_function_is_resumed_with_the_same_interpreter(self):
        self.write_file("tasks.py", "def task(i):\n    return i\n")
        part = self.compare_json("tasks.py:task", "--arg", "{i}", "--rounds", "2")
        part["plan"].update(interrupted=True, looks=[3])
        self.write_file("part.json", json.dumps(part))
        done = self.run_tool("compare", "--resume", "part.json", "--export-json", "whole.json")
        self.assertEqual(done.returncode, 0, done.stderr_text)
        self.assertEqual((len(self.record("whole.json")["plan"]["order"]), self.record("part.json")), (3, part))

    def test_sigterm_ends_everything(self):
        process = self.started("processes")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
        self.assertEqual(process.returncode, 143)
        self.assertEqual(marked_processes(self.mark), [])

    def test_ctrl_backslash_ends_everything(self):
        process = self.started("processes")
        process.send_signal(signal.SIGQUIT)
        process.communicate(timeout=30)
        self.assertEqual(process.returncode, 131)
        self.assertEqual(marked_processes(self.mark), [])

    def test_nothing_outlives_a_tool_that_was_killed(self):
        for model in MODELS:
            with self.subTest(model):
                process = self.started(model)
                process.kill()
                process.communicate(timeout=30)
                wait_until(lambda: not marked_processes(self.mark), "the end of the orphans")

    @unittest.skipUnless(HOSTS_PYTHON, "this build has no Python extension")
    def test_what_a_task_has_started_does_not_outlive_a_tool_that_was_killed(self):
        self.write_file("tasks.py", "import subprocess, time\n"
                        "def task():\n"
                        "    children = [subprocess.Popen(['sleep', '1000'], start_new_session=new) for new in (False, True)]\n"
                        "    open('seen', 'w').close()\n"
                        "    time.sleep(1000)\n")
        seen = os.path.join(self.folder.name, "seen")
        for model in MODELS:
            for number in (signal.SIGKILL, signal.SIGQUIT, signal.SIGABRT):
                with self.subTest(model=model, signal=number):
                    process = self.start("compare", "tasks.py:task", "--models", model, "--tasks", "1")
                    wait_until(lambda: os.path.exists(seen), "the task's children")
                    os.remove(seen)
                    process.send_signal(number)
                    process.communicate(timeout=30)
                    wait_until(lambda: not marked_processes(self.mark), "the end of the orphans")

    @unittest.skipUnless(HOSTS_PYTHON, "this build has no Python extension")
    def test_ctrl_c_while_nobody_reads_what_tasks_print(self):
        self.write_file("tasks.py", "import time\n"
                        "def floods():\n"
                        "    while True: print('x' * 100)\n"
                        "def flooded():\n"
                        "    for i in range(3000): print('x' * 100)\n"
                        "    time.sleep(1000)\n")
        for function, model in (("floods", "serial"), ("floods", "processes"), ("flooded", "threads")):
            with self.subTest(function=function, model=model):
                read_end, write_end = os.pipe()
                process = subprocess.Popen([FANOUT, "compare", f"tasks.py:{function}", "--models", model],
                                           stdin=subprocess.DEVNULL, stdout=write_end, stderr=write_end,
                                           env=self.environment(), cwd=self.folder.name)
                self.started_processes.append(process)
                wait_until(lambda: not select.select([], [write_end], [], 0)[1], "a full pipe")
                process.send_signal(signal.SIGINT)
                self.assertEqual(process.wait(timeout=30), 130)
                self.assertEqual(marked_processes(self.mark), [])
                os.close(read_end)
                os.close(write_end)

    @unittest.skipUnless(HOSTS_PYTHON, "this build has no Python extension")
    def test_ctrl_c_while_the_file_is_checked(self):
        path = self.write_file("slow.py", "import time\nopen('seen', 'w').close()\ntime.sleep(60)\ndef task(): pass\n")
        process = self.start("compare", f"{path}:task", start_new_session=True)
        wait_until(lambda: os.path.exists(os.path.join(self.folder.name, "seen")), "the import")
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=30)
        self.assertEqual(process.returncode, 130)
        self.assertEqual(marked_processes(self.mark), [])


if __name__ == "__main__":
    unittest.main()
