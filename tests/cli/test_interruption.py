# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C and worse: whatever was started is gone afterwards. tearDown counts processes."""

import os
import signal
import unittest

from tool import HOSTS_PYTHON, MODELS, ToolTest, marked_processes, wait_until


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

    def test_nothing_outlives_a_tool_that_was_killed(self):
        for model in MODELS:
            with self.subTest(model):
                process = self.started(model)
                process.kill()
                process.communicate(timeout=30)
                wait_until(lambda: not marked_processes(self.mark), "the end of the orphans")

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
