# SPDX-License-Identifier: Apache-2.0
"""Child processes under every model: 'cmd:COMMAND ARGS'."""

import json
import os
import unittest

from tool import MODELS, ToolTest

BURN = """import os
sum(i * i for i in range(2_000_000))
print(sum(os.times()[:2]))
"""


class Command(ToolTest):
    def compare(self, command, *options, tasks=3):
        return self.compare_json(f"cmd:{command}", "--tasks", str(tasks), "--rounds", "1", "--warmup", "0", *options)

    def values(self, command, *options, **more):
        """What the tasks returned, the same under every model."""
        record = self.compare(command, *options, **more)
        values = [[task["value"] for task in run["tasks"]] for run in record["runs"]]
        self.assertEqual(values, [values[0]] * len(values))
        return values[0]

    def refused(self, work):
        done = self.run_tool("compare", work)
        self.assertEqual((done.returncode, done.stdout_text), (2, ""), done.stderr_text)
        return done.stderr_text

    def failed(self, command, model):
        done = self.run_tool("compare", f"cmd:{command}", "--models", model, "--tasks", "2", "--rounds", "1", "--warmup",
                             "0")
        self.assertEqual(done.returncode, 1, done.stdout_text)
        return done.stderr_text

    def test_what_it_prints_is_its_value_under_every_model(self):
        record = self.compare("echo number {i}")
        self.assertEqual((record["workload"]["kind"], record["workload"]["spec"]), ("command", "cmd:echo number {i}"))
        self.assertEqual({run["model"] for run in record["runs"]}, set(MODELS))
        for run in record["runs"]:
            self.assertEqual([task["value"] for task in run["tasks"]], ["number 0", "number 1", "number 2"], run["model"])

    def test_words_are_split_and_quoted_without_a_shell(self):
        for typed, printed in ((r"""'a  b' "c 'd'" e\ f x"y"'z' "q\"r" '$HOME' * ''""", r"""a  b|c 'd'|e f|xyz|q"r|$HOME|*||"""),
                               ("  lead   and trail  ", "lead|and|trail|"), ("{i}{i} '{i}'", "00|0|")):
            self.assertEqual(self.values(f"printf %s| {typed}", "--models", "serial", tasks=1), [printed])
        self.assertEqual(self.values("sh -c 'echo $((6 * 7)) | cat; exit 0'", "--models", "serial,async"), ["42"] * 3)

    def test_nothing_printed_is_no_value(self):
        record = self.compare("true", "--models", "serial,threads")
        self.assertEqual(record["workload"]["result"], {"type": "none", "value": None})

    def test_a_long_output_is_compared_by_its_digest(self):
        [value] = set(self.values("head -c 300000 /dev/zero"))
        self.assertRegex(value, r"^300000 bytes, FNV-1a [0-9a-f]{16}$")
        self.assertRegex(self.values("printf '\\xff'", "--models", "serial")[0], "^1 bytes, FNV-1a")
        self.assertNotEqual(self.values("head -c 2000 /dev/zero", "--models", "serial"),
                            self.values("sh -c 'yes | head -c 2000'", "--models", "serial"))

    def test_outputs_that_differ_get_no_verdict(self):
        done = self.run_tool("compare", "cmd:sh -c 'echo $$'", "--models", "serial,threads", "--rounds", "1")
        self.assertEqual(done.returncode, 5)

    def test_children_run_at_the_same_time_but_serially(self):
        for run in self.compare("sleep 0.1", "--workers", "3")["runs"]:
            first_end = min(task["end_s"] for task in run["tasks"])
            last_start = max(task["start_s"] for task in run["tasks"])
            if run["model"] in ("serial", "async"):  # when a pool's workers begin is the machine's affair
                self.assertEqual(last_start < first_end, run["model"] == "async", run["model"])

    def test_their_cpu_time_counts_and_adds_up(self):
        self.write_file("burn.py", BURN)
        # Each child prints what it has used, so the models' values differ.
        done = self.run_tool("compare", "cmd:python3 burn.py", "--tasks", "2", "--workers", "2", "--rounds", "1", "--warmup",
                             "0", "--export-json", "record.json")
        self.assertEqual(done.returncode, 5, done.stderr_text)
        with open(os.path.join(self.folder.name, "record.json")) as file:
            record = json.load(file)
        self.assertEqual({run["model"] for run in record["runs"]}, set(MODELS))
        for run in record["runs"]:
            used = sum(float(task["value"]) for task in run["tasks"])
            self.assertGreaterEqual(run["cpu_user_s"] + run["cpu_sys_s"], used, run["model"])
            self.assertGreaterEqual(sum(worker["cpu_s"] for worker in run["workers"]), used, run["model"])
            self.assertEqual(len(run["workers"]), len({task["worker"] for task in run["tasks"]}))
            time = run["decomposition"]
            self.assertLess(abs(time["closure_error_s"]), 0.05 * time["workers_s"], run)

    def test_work_that_computes_is_called_that(self):
        self.write_file("burn.py", BURN.replace("print", "str"))
        record = self.compare("python3 burn.py", "--models", "serial,async", tasks=2)
        self.assertNotIn("waits", [one["rule"] for one in record["why"]])
        self.assertIn("waits", [one["rule"] for one in self.compare("sleep 0.2", "--models", "serial,async")["why"]])

    def test_failures_say_how_it_ended_and_what_it_said_last(self):
        for model in MODELS:
            with self.subTest(model):
                self.assertIn("sh ended with exit code 3: the last\n",
                              self.failed("sh -c 'echo first >&2; echo the last >&2; exit 3'", model))
                self.assertIn("sh was ended by SIGTERM (terminated)", self.failed("sh -c 'kill $$'", model))
        self.assertIn("false ended with exit code 1\n", self.failed("false", "serial"))

    def test_what_it_says_on_stderr_is_shown(self):
        done = self.run_tool("compare", "cmd:sh -c 'echo well >&2'", "--models", "async", "--tasks", "1", "--rounds", "1",
                             "--warmup", "0")
        self.assertEqual(done.returncode, 0, done.stderr_text)
        self.assertIn("well\n", done.stderr_text)

    def test_children_have_nothing_of_ours(self):
        self.assertEqual(self.values("ls /proc/self/fd", tasks=1), ["0\n1\n2\n3"])  # the last is that of ls
        self.assertEqual(self.values("sh -c 'echo \"<$FANOUT_RECORD_FD>\"; readlink /proc/$$/fd/0'", tasks=1),
                         ["<>\n/dev/null"])
        # SIGPIPE is theirs: the first of a pipe ends when the second does.
        self.assertEqual(self.values("sh -c 'yes | head -n 1'", tasks=1), ["y"])

    def test_a_time_out_leaves_no_child(self):
        for model in MODELS:
            done = self.run_tool("compare", "cmd:sh -c 'sleep 1000 & sleep 1000'", "--models", model, "--tasks", "2",
                                 "--timeout", "500ms", "--rounds", "1", "--warmup", "0")
            self.assertEqual(done.returncode, 1, done.stdout_text)  # tearDown looks for what is left

    def test_commands_that_are_none(self):
        for work, message in (("cmd:", "which command? Write 'cmd:COMMAND ARGS'"), ("cmd:  ", "which command?"),
                              ("cmd:''", "which command?"), ("cmd:echo 'x y", "with 'x y has no end"),
                              ('cmd:echo "x', 'with "x has no end'), ("cmd:echo \\", "nothing follows the \\"),
                              ("cmd:no-such-program 1", "no no-such-program on PATH"),
                              ("cmd:./missing", "./missing is no program that can be run"),
                              ("cmd:/tmp", "/tmp is no program that can be run"), ("cmd", "did you mean 'cmd:COMMAND ARGS'?")):
            self.assertIn(message, self.refused(work))
        done = self.run_tool("compare", "cmd:true", "--arg", "1")
        self.assertEqual(done.returncode, 2)
        self.assertIn("cmd:true takes no --arg", done.stderr_text)


if __name__ == "__main__":
    unittest.main()
