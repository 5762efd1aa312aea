# SPDX-License-Identifier: Apache-2.0
"""fanout doctor: what it tells of the machine that the tests run on."""

import json
import os
import re
import unittest

from tool import ToolTest


FEW = "/usr/bin:/bin"  # version managers have many more on PATH, which take their time


class Doctor(ToolTest):
    def test_tells_of_everything_and_succeeds(self):
        done = self.run_tool("doctor", environment=self.environment(PATH=FEW))
        self.assertEqual(done.returncode, 0, done.stderr_text)
        for line in (r"CPUs", r"limits", r"system", r"instruments", r"models, native", r"Pythons", r"   threads +works",
                     r"   processes \(forkserver\) +works", r".. CPUs usable +\d+"):
            self.assertRegex(done.stdout_text, rf"(?m)^{line}$")

    def test_as_json(self):
        done = self.run_tool("doctor", "--format", "json", environment=self.environment(PATH=FEW))
        self.assertEqual(done.returncode, 0, done.stderr_text)
        found = json.loads(done.stdout_text)
        self.assertEqual(found["cpus"]["affinity"], len(os.sched_getaffinity(0)))
        self.assertEqual({name: works for name, works in found["models"].items() if not works}, {})
        for python in found["pythons"]:
            self.assertTrue(python["usable"] or python["problem"], python)
            if python["usable"]:
                newer = tuple(map(int, re.findall(r"\d+", python["version"])[:2])) >= (3, 12)
                self.assertEqual(python["subinterpreters"], newer)

    def test_without_any_python_says_what_to_install(self):
        done = self.run_tool("doctor", environment=self.environment(PATH="/nonexistent", VIRTUAL_ENV=""))
        self.assertEqual(done.returncode, 0, done.stderr_text)
        self.assertIn("apt-get install python3", done.stdout_text)

    def test_fits_the_terminal(self):
        for width in (60, 120):
            shown = self.run_on_terminal("doctor", COLUMNS=str(width), NO_COLOR="1", PATH="/nonexistent")
            self.assertNotIn("\x1b", shown)
            self.assertLessEqual(max(len(line.rstrip()) for line in shown.splitlines()), width)


if __name__ == "__main__":
    unittest.main()
