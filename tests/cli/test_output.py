# SPDX-License-Identifier: Apache-2.0
"""Where output goes and how it looks: terminals, pipes, files, widths, colours."""

import json
import os
import re
import unittest

from tool import FANOUT, HOSTS_PYTHON, ToolTest, subprocess

SHORT = ("compare", "sleep:0.05", "--models", "async,serial", "--tasks", "2", "--rounds", "2")


class Terminal(ToolTest):
    def test_a_terminal_gets_colour_and_a_line_that_is_rewritten(self):
        shown = self.run_on_terminal(*SHORT)
        self.assertIn("\x1b[1m", shown)
        self.assertIn("\r\x1b[K warm-up", shown)
        self.assertIn("\r\x1b[K round 1/2", shown)
        self.assertIn("left", shown)

    def test_no_color_means_none(self):
        shown = self.run_on_terminal(*SHORT, NO_COLOR="1")
        self.assertNotRegex(shown, r"\x1b\[\d*m")
        self.assertIn("\x1b[1m", self.run_on_terminal(*SHORT, NO_COLOR=""), "empty counts as unset")

    def test_a_dumb_terminal_gets_plain_text(self):
        self.assertNotIn("\x1b", self.run_on_terminal(*SHORT, TERM="dumb"))

    def test_the_progress_line_fits(self):
        shown = self.run_on_terminal(*SHORT, COLUMNS="30", NO_COLOR="1")
        lines = re.findall(r"\r\x1b\[K([^\r\n\x1b]+)", shown)
        self.assertTrue(lines)
        self.assertLess(max(map(len, lines)), 30)


class Streams(ToolTest):
    def test_no_line_of_the_table_is_wider_than_the_terminal(self):
        for width in (40, 60, 80, 120):
            done = self.run_tool(*SHORT, environment=self.environment(COLUMNS=str(width)))
            self.assertLessEqual(max(map(len, done.stdout_text.splitlines())), width)

    def test_narrow_drops_columns_from_the_right(self):
        narrow = self.run_tool(*SHORT, environment=self.environment(COLUMNS="40")).stdout_text
        self.assertRegex(narrow, r"(?m)^ rank  model +wall  vs serial$")
        wide = self.run_tool(*SHORT, environment=self.environment(COLUMNS="120")).stdout_text
        self.assertRegex(wide, r"(?m)^ rank  model .* memory  switches +wall, range$")

    def test_a_pipe_gets_no_escapes_and_no_progress_within_a_second(self):
        done = self.run_tool(*SHORT)
        self.assertNotIn("\x1b", done.stdout_text + done.stderr_text)

    def test_longer_runs_tell_of_each_round(self):
        done = self.run_tool("compare", "sleep:0.6", "--models", "serial,async", "--tasks", "2", "--rounds", "2")
        self.assertRegex(done.stderr_text, r"(?m)^sleep:0.6 × 2, round 2 of 2: serial 1\.2\d\d s, async \d+\.\d ms$")

    def test_a_reader_that_leaves_is_no_error(self):
        read_end, write_end = os.pipe()
        os.close(read_end)
        done = subprocess.run([FANOUT, *SHORT], stdout=write_end, stderr=subprocess.PIPE, text=True, timeout=60,
                              env=self.environment())
        os.close(write_end)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_a_full_disk_is_one(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([FANOUT, *SHORT], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60,
                                  env=self.environment())
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr, "fanout: cannot write the results: No space left on device\n")

    def with_stderr(self, *args, to):
        done = subprocess.run([FANOUT, *args], stdout=subprocess.PIPE, stderr=to, text=True, timeout=60,
                              env=self.environment(), cwd=self.folder.name)
        return done.returncode, done.stdout

    def test_a_stderr_that_takes_nothing_changes_neither_result_nor_exit_code(self):
        self.write_file("tasks.py", "def task(i):\n    print('printed')\n    return 1\n")
        read_end, broken = os.pipe()
        os.close(read_end)
        with open("/dev/full", "w") as full:
            for stderr in (full, broken):
                code, out = self.with_stderr("compare", "sleep:0.6", "--rounds", "2", "--models", "serial,async",
                                             "--tasks", "2", "--warmup", "0", "--format", "json",
                                             to=stderr)
                self.assertEqual((code, len(json.loads(out)["runs"])), (0, 4))
                self.assertEqual(self.with_stderr("compare", "missing.py:task", to=stderr), (2, ""))
                self.assertEqual(self.with_stderr("--bogus", to=stderr), (2, ""))
                if HOSTS_PYTHON:
                    code, out = self.with_stderr("compare", "tasks.py:task", "--arg", "{i}", "--rounds", "1", to=stderr)
                    self.assertEqual(code, 0, out)
                    self.assertIn("every model returned 1 ✔", out)
        os.close(broken)

    def test_closed_standard_streams(self):
        done = subprocess.run(["sh", "-c", f"exec '{FANOUT}' {' '.join(SHORT)} <&- >&- 2>&-"], timeout=60,
                              env=self.environment())
        self.assertEqual(done.returncode, 0)


if __name__ == "__main__":
    unittest.main()
