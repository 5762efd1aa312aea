# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C and worse: whatever was started is gone afterwards. tearDown counts processes."""

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
