# SPDX-License-Identifier: Apache-2.0
"""A file with defaults for fanout compare: what it may say, what comes first, and what is wrong with it."""

import json
import os
import unittest

from tool import ToolTest


class Config(ToolTest):
    QUICK = ("cpu:1000", "--warmup", "0")

    def setUp(self):
        super().setUp()
        os.makedirs(os.path.join(self.folder.name, "config", "fanout"))

    def users_file(self, text, replace=False):
        """That which is read unasked; see tool.py."""
        return self.write_file("config/fanout/config.toml", text, replace)

    def plan(self, *args, **options):
        done = self.run_tool("compare", *self.QUICK, *args, "--format", "json", **options)
        self.assertEqual(done.returncode, 0, done.stderr_text)
        return json.loads(done.stdout_text)["plan"]

    def refused(self, *args):
        done = self.run_tool("compare", *self.QUICK, *args)
        self.assertEqual((done.returncode, done.stdout_text, done.stderr_text.count("\n")), (2, "", 1), done.stderr_text)
        return done.stderr_text

    def test_the_users_file_has_the_defaults_and_the_command_line_comes_first(self):
        self.users_file('# mine\n[compare]\nmodels = ["serial", "threads"]\nrounds = 2\nmin-effect = 0.07\nbudget = "5m"\n')
        plan = self.plan()
        self.assertEqual((plan["models"], len(plan["order"]), plan["min_effect"], plan["budget_s"]),
                         (["serial", "threads"], 2, 0.07, 300))
        plan = self.plan("--rounds", "1", "--models", "async")
        self.assertEqual((plan["models"], len(plan["order"]), plan["min_effect"]), (["async"], 1, 0.07))

    def test_a_run_says_what_is_from_the_file(self):
        path = self.users_file('[compare]\nmin-effect = "7%"\nrounds = 2\nmodels = "serial"\n')
        done = self.run_tool("compare", *self.QUICK, "--rounds", "1", "--format", "json")
        self.assertIn(f"fanout: defaults from {path}: min-effect 7%, models serial\n", done.stderr_text)
        done = self.run_tool("compare", *self.QUICK, "--dry-run")
        self.assertIn(f"defaults from {path}: min-effect 7%, models serial, rounds 2\n", done.stdout_text)
        self.assertNotIn("defaults", done.stderr_text)

    def test_another_file_in_its_place_and_none_at_all(self):
        self.users_file("[compare]\nrounds = 2\n")
        other = self.write_file("other.toml", "[compare]\nrounds = 3\n")
        self.assertEqual(len(self.plan("--config", other)["order"]), 3)
        self.assertNotEqual(self.plan("--no-config", "--budget", "1s")["looks"], [2])
        self.assertIn("--config names a file with defaults, and --no-config wants none",
                      self.refused("--config", other, "--no-config"))

    def test_it_is_looked_for_where_xdg_says(self):
        os.makedirs(os.path.join(self.folder.name, ".config", "fanout"))
        self.write_file(".config/fanout/config.toml", "[compare]\nrounds = 3\n")
        self.users_file("[compare]\nrounds = 2\n")
        for xdg, rounds in ((f"{self.folder.name}/config", 2), ("", 3), ("config", 3)):  # relative ones are ignored
            with self.subTest(xdg=xdg):
                environment = self.environment(HOME=self.folder.name, XDG_CONFIG_HOME=xdg)
                self.assertEqual(len(self.plan(environment=environment)["order"]), rounds)
        self.assertNotEqual(self.plan("--budget", "1s", environment=self.environment(HOME="", XDG_CONFIG_HOME=""))["looks"], [3])

    def test_what_is_wrong_is_named_with_its_line_and_what_was_meant(self):
        path = os.path.join(self.folder.name, "bad.toml")
        for text, problem in (("[compare]\n\nround = 3\n", ":3: there is no default for 'round'; did you mean rounds? "),
                              ("[compare]\nformat = 'json'\n", ":2: there is no default for 'format'; there are models, "),
                              ("\n[compar]\n", ":2: there is no section 'compar'; did you mean [compare]?"),
                              ("[costs]\n", ":1: there is no section 'costs'; there is only [compare]"),
                              ("rounds = 3\n", ":1: rounds belongs below a line [compare]"),
                              ("compare = 3\n", ":1: 'compare' is a section: write [compare]"),
                              ("[compare]\nrounds = 3\nwarmup = -1\n", ":3: --warmup is a whole number from 0 to 100, not '-1'"),
                              ("[compare]\nmodels = ['serial', 'thread']\n", ":2: there is no model 'thread'; did you mean 'threads'?"),
                              ("[compare]\nrounds = true\n", ":2: rounds is a text, a number, or a list of those"),
                              ("[compare]\nmodels = [['serial']]\n", ":2: models is a text, a number, or a list of those"),
                              ("[compare]\npython = ''\n", ":2: python is empty"),
                              ("[compare]\nrounds = 3\nrounds = 4\n", ":3: is not TOML: "),
                              ("[compare]\nbudget = 2m\n", ":2: is not TOML: ")):
            with self.subTest(text=text):
                self.write_file("bad.toml", text, replace=os.path.exists(path))
                self.assertIn("fanout: bad.toml" + problem, self.refused("--config", "bad.toml"))

    def test_what_is_wrong_is_so_whatever_is_typed(self):
        path = self.users_file("[compare]\nrounds = 0\n")
        self.assertIn(f"{path}:2: --rounds is a whole number from 1", self.refused("--rounds", "3"))
        self.assertIn("--rounds is a whole number from 1 to 1000, not 'x'\n", self.refused("--rounds", "x"))

    def test_defaults_that_do_not_go_with_what_is_typed(self):
        path = self.users_file('[compare]\nreference = "serial"\n')
        self.assertEqual(self.plan("--rounds", "1")["reference"], "serial")
        self.assertIn(f"--reference is serial, but --models does not name serial; defaults are from {path}: reference serial\n",
                      self.refused("--models", "async,threads"))

    def test_a_file_that_cannot_be_read(self):
        self.assertIn("cannot read missing.toml: No such file or directory", self.refused("--config", "missing.toml"))
        self.assertIn(". is a directory", self.refused("--config", "."))
        self.assertIn("--config is empty", self.refused("--config", ""))

    def test_what_is_resumed_keeps_its_own_plan(self):
        part = self.compare_json(*self.QUICK, "--rounds", "3", "--models", "serial,async")
        part["plan"].update(interrupted=True, looks=[4])
        self.write_file("part.json", json.dumps(part))
        path = self.users_file('[compare]\nrounds = 9\nmin-effect = "50%"\nbudget = "1h"\n')
        done = self.run_tool("compare", "--resume", "part.json")
        self.assertEqual(done.returncode, 0, done.stderr_text)
        self.assertIn(f"fanout: defaults from {path}: budget 1h\n", done.stderr_text)
        with open(os.path.join(self.folder.name, "part.json")) as file:
            plan = json.load(file)["plan"]
        self.assertEqual((len(plan["order"]), plan["min_effect"]), (4, part["plan"]["min_effect"]))

    def test_other_commands_do_not_read_it(self):
        self.users_file("nonsense")
        self.assertEqual(self.run_tool("--version").returncode, 0)
        self.assertEqual(self.run_tool("completion", "bash").returncode, 0)


if __name__ == "__main__":
    unittest.main()
