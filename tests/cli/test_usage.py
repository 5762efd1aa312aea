# SPDX-License-Identifier: Apache-2.0
"""Bad input: one clear message on stderr, nothing on stdout, exit code 2."""

import re
import unittest

from tool import ToolTest


class Usage(ToolTest):
    def refused(self, *args):
        done = self.run_tool(*args)
        self.assertEqual(done.returncode, 2, done.stderr_text)
        self.assertEqual(done.stdout_text, "")
        self.assertTrue(done.stderr_text.startswith("fanout: "), done.stderr_text)
        self.assertEqual(done.stderr_text.count("\n"), 1, done.stderr_text)
        return done.stderr_text

    def test_an_unknown_model_names_the_models_and_the_nearest(self):
        message = self.refused("compare", "sleep:0.05", "--models", "serial,thread")
        self.assertIn("no model 'thread'", message)
        self.assertIn("did you mean 'threads'?", message)
        self.assertIn("serial, async, threads, processes", message)
        self.assertNotIn("did you mean", self.refused("compare", "sleep:0.05", "--models", "fibers"))

    def test_no_model_and_the_same_model_twice(self):
        message = self.refused("compare", "sleep:0.05", "--models", "serial,")
        self.assertIn("no model ''; the models are serial", message)
        self.assertIn("'async' twice", self.refused("compare", "sleep:0.05", "--models", "async,async"))

    def test_counts_that_are_none(self):
        for option in ("--tasks", "--workers", "--rounds"):
            for value in ("0", "-1", "two", "1.5", "99999999999999"):
                message = self.refused("compare", "sleep:0.05", option, value)
                self.assertIn(f"{option} is a whole number from 1 to ", message)
                self.assertIn(f"not '{value}'", message)

    def test_times_that_are_none(self):
        for option in ("--budget", "--timeout"):
            for value in ("0s", "-1s", "60", "soon", "1 m", "1d", "1e3s", "nans", "99999999h"):
                message = self.refused("compare", "sleep:0.05", option, value)
                self.assertIn(f"{option} is a time such as 500ms, 90s, 2m or 1h, not '{value}'", message)
        self.assertIn("--warmup is a whole number from 0 to ", self.refused("compare", "cpu:10", "--warmup", "x"))

    def test_a_missing_file(self):
        self.assertIn("no such file: missing.py", self.refused("compare", "missing.py:task"))

    def test_work_of_no_known_form(self):
        message = self.refused("compare", "something")
        for part in ("'something'", "sleep:SECONDS", "cpu:N", "FILE.py:FUNCTION", "./FILE.so:FUNCTION",
                     "http://HOST:PORT/PATH", "'cmd:COMMAND ARGS'"):
            self.assertIn(part, message)
        self.assertNotIn("did you mean", message)
        self.assertIn("'ftp://x'", self.refused("compare", "ftp://x"))
        for work in ("slep:1", "sleep", "sleeep:"):
            self.assertIn("did you mean sleep:SECONDS?", self.refused("compare", work))

    def test_a_file_without_a_function(self):
        self.write_file("tasks.py", "def f(): pass\n")
        for work in ("tasks.py", "tasks.py:"):
            self.assertIn("which function of tasks.py?", self.refused("compare", work))

    def test_sizes_that_are_none(self):
        for work in ("sleep:", "sleep:0", "sleep:-1", "sleep:1s", "sleep:nan", "sleep:1e3", "cpu:", "cpu:0", "cpu:-5",
                     "cpu:1.5", "cpu:99999999999999999999"):
            message = self.refused("compare", work)
            self.assertIn(f"{work}: how ", message)
        self.assertIn("at most 1000000", self.refused("compare", "sleep:1000001"))
        for work in ("memory:0", "data:10M", "lock:", "alloc:1e6", "uneven:-1", "mixed:99999", "block:x"):
            self.assertIn(f"{work}: how ", self.refused("compare", work))

    def test_an_argument_for_work_that_takes_none(self):
        self.assertIn("takes no --arg", self.refused("compare", "cpu:5", "--arg", "1"))
        self.assertIn("--arg", self.refused("compare", "--arg", "1"))

    def test_other_options(self):
        self.assertIn("--format is table, json, csv or md, not 'xml'",
                      self.refused("compare", "sleep:0.05", "--format", "xml"))
        for claim in ("threads", "threads = async", "threads < 0*async", "threads < threads"):
            self.assertIn(f"as in 'processes < 0.6*threads', which is not '{claim}'",
                          self.refused("compare", "sleep:0.05", "--assert", claim))
        self.assertIn("no model 'thread'; did you mean 'threads'?",
                      self.refused("compare", "sleep:0.05", "--assert", "thread < serial"))
        for share in ("3", "0", "100%", "-1%", "much"):
            self.assertIn("--min-effect", self.refused("compare", "sleep:0.05", "--min-effect", share))
        self.assertIn("--seed", self.refused("compare", "sleep:0.05", "--seed", "x"))
        self.assertIn("--bogus; see fanout compare --help", self.refused("compare", "sleep:0.05", "--bogus"))
        for typed in (("--taks", "3"), ("--taks=3",)):
            self.assertIn("did you mean --tasks?", self.refused("compare", "sleep:0.05", *typed))
        self.assertIn("did you mean --format?", self.refused("costs", "--fromat", "json"))
        self.assertIn("--tasks needs a value", self.refused("compare", "sleep:0.05", "--tasks"))
        self.assertIn("--rounds is given more than once",
                      self.refused("compare", "sleep:0.05", "--rounds", "1", "--rounds", "2"))
        self.assertIn("cpu:7", self.refused("compare", "sleep:0.05", "cpu:7"))
        self.assertIn("compare", self.refused("compare", "sleep:0.05", "compare"))

    def test_a_reference_that_is_not_compared(self):
        self.assertIn("did you mean 'serial'?", self.refused("compare", "cpu:5", "--reference", "seral"))
        self.assertIn("--reference is one model, not 'serial,async'",
                      self.refused("compare", "cpu:5", "--reference", "serial,async"))
        self.assertIn("--models does not name serial",
                      self.refused("compare", "cpu:5", "--reference", "serial", "--models", "async,threads"))
        self.assertIn("that --reference serial leaves out",
                      self.refused("compare", "cpu:5", "--reference", "serial", "--assert", "async < threads"))

    def test_a_record_that_cannot_be_resumed(self):
        self.assertIn("cannot read missing.json", self.refused("compare", "--resume", "missing.json"))
        self.write_file("notebook.json", '{"comparisons": []}')
        self.assertIn("/comparisons is not a list of records", self.refused("compare", "--resume", "notebook.json"))

    def test_scans_that_are_none(self):
        for text, problem in (("1..x", "not 'x'"), ("4..2", "--workers is a whole number from 4 to 1024, not '2'"),
                              ("1,2,", "not ''"), ("1,2..3,3", "--workers names 3 twice"), ("1..100", "more than 64")):
            self.assertIn(problem, self.refused("compare", "cpu:5", "--workers", text))
        self.assertIn("give WORK to scan", self.refused("compare", "--tasks", "1,2"))
        self.assertIn("--assert needs one comparison",
                      self.refused("compare", "cpu:5", "--tasks", "1,2", "--assert", "async < serial"))

    def test_a_self_test_of_what_is_none(self):
        self.assertIn("'nothing'", self.refused("self-test", "nothing"))
        self.assertIn("no model 'thread'", self.refused("self-test", "--model", "thread"))
        self.assertIn("--runs is a whole number from 1", self.refused("self-test", "--runs", "0"))
        self.assertIn("did you mean fanout self-test?", self.refused("selftest"))

    def test_empty_values(self):
        self.assertIn("WORK is empty", self.refused("compare", ""))
        for option in ("--tasks", "--workers", "--rounds", "--models", "--python", "--min-effect", "--format", "--seed",
                       "--budget", "--timeout", "--warmup", "--export-json", "--trace", "--assert"):
            self.assertIn(f"{option} is empty", self.refused("compare", "cpu:10", option, ""))
            self.assertIn(f"{option} is empty", self.refused("compare", "cpu:10", f"{option}=", "--seed", "1")
                          if option != "--seed" else self.refused("compare", "--seed=", "cpu:10"))

    def test_no_command_and_an_unknown_one(self):
        self.assertIn("which command?", self.refused())
        self.assertIn("no command 'serve'; see fanout --help", self.refused("serve"))
        self.assertIn("did you mean fanout costs?", self.refused("csots"))
        self.assertIn("did you mean fanout compare?", self.refused("compar"))
        self.assertIn("did you mean fanout explain?", self.refused("explian"))
        self.assertIn("did you mean fanout compare cpu:10?", self.refused("cpu:10"))
        for work in ("a.py:f", "./a.so:f", "http://localhost/", "cmd:true"):
            self.assertIn(f"did you mean fanout compare {work}?", self.refused(work))


class Help(ToolTest):
    def test_help_shows_examples(self):
        for args in ([], ["compare"], ["explain"], ["costs"], ["doctor"], ["completion"]):
            done = self.run_tool(*args, "--help")
            self.assertEqual(done.returncode, 0)
            self.assertRegex(done.stdout_text, r"Examples:\n  (fanout|source <\(fanout)")
            for hidden in ("__run", "__check", "__cost", "__man"):
                self.assertNotIn(hidden, done.stdout_text)

    def test_help_says_how_it_is_called_and_is_of_one_style(self):
        for args, call in ((["--help"], "fanout COMMAND [OPTIONS]"),
                           (["compare", "--help"], "fanout compare [WORK] [OPTIONS]"),
                           (["explain", "--help"], "fanout explain FILE [OPTIONS]"),
                           (["self-test", "--help"], "fanout self-test [WORK] [OPTIONS]"),
                           (["costs", "--help"], "fanout costs [OPTIONS]"),
                           (["doctor", "--help"], "fanout doctor [OPTIONS]"),
                           (["completion", "--help"], "fanout completion SHELL")):
            text = self.run_tool(*args).stdout_text
            self.assertRegex(text, r"\A[A-Z][^\n]+\.\n\nUsage: " + re.escape(call) + r"\n\nOptions:\n")
            self.assertNotIn("\n\n\n", text)
            for line in text.split("Options:\n")[1].split("\n\n")[0].splitlines():
                self.assertRegex(line, r"\A(  -.{27}| {30})[a-z][^.]*[^. ]\Z")
                self.assertLessEqual(len(line), 80)

    def test_version(self):
        done = self.run_tool("--version")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout_text, r"\Afanout \d+\.\d+\.\d+\n\Z")


if __name__ == "__main__":
    unittest.main()
