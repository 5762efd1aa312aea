# SPDX-License-Identifier: Apache-2.0
"""Completion in real shells, driven through a pseudo-terminal as a user would; and the manual page."""

import os
import pty
import re
import select
import shutil
import subprocess
import time
import unittest

from tool import FANOUT, ToolTest


class Shell:
    """A shell on a terminal. What is typed stands in its prompt; nothing is run but what ends with a line break."""

    def __init__(self, argv, environment, folder):
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execvpe(argv[0], argv, environment)
        self.shown = ""

    def type(self, text):
        os.write(self.terminal, text.encode())

    def wait_for(self, pattern):
        """Reads until it is shown; the deadline only guards against hanging."""
        deadline = time.monotonic() + 60
        while not re.search(pattern, self.plain()):
            ready, _, _ = select.select([self.terminal], [], [], max(0, deadline - time.monotonic()))
            if not ready:
                raise AssertionError(f"waited in vain for {pattern!r} in {self.plain()!r}")
            try:
                self.shown += os.read(self.terminal, 65536).decode(errors="replace")
            except OSError:
                raise AssertionError(f"the shell ended before it showed {pattern!r}: {self.plain()!r}") from None

    def plain(self):
        """Without escape sequences, and with what backspaces have taken back gone."""
        text = re.sub(r"\x1b(\[[0-9;?<>=]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[()][0-9A-Za-z]|.)", "", self.shown)
        return text.replace("\r", "")

    def forget(self):
        self.shown = ""

    def end(self):
        os.close(self.terminal)
        os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)


class Completion(ToolTest):
    def setUp(self):
        super().setUp()
        os.mkdir(os.path.join(self.folder.name, "bin"))
        os.symlink(FANOUT, os.path.join(self.folder.name, "bin", "fanout"))
        os.mkdir(os.path.join(self.folder.name, "work"))
        self.write_file("work/zebra.py", "def f(): pass\n")
        self.shells = []

    def tearDown(self):
        for shell in self.shells:
            shell.end()
        super().tearDown()

    def script(self, shell):
        done = self.run_tool("completion", shell)
        self.assertEqual((done.returncode, done.stderr_text), (0, ""))
        return self.write_file(f"{shell}.script", done.stdout_text)

    def shell(self, *argv, **changes):
        path = f"{self.folder.name}/bin:{os.environ['PATH']}"
        environment = self.environment(PATH=path, TERM="xterm", PS1="ready> ", HOME=self.folder.name, COLUMNS="200",
                                       LINES="50", XDG_CONFIG_HOME=self.folder.name, XDG_DATA_HOME=self.folder.name,
                                       **changes)
        shell = Shell(argv, environment, f"{self.folder.name}/work")
        self.shells.append(shell)
        return shell

    def complete(self, shell, typed, pattern, keys="\t"):
        """Types it, presses the key, waits for what it becomes; and clears the line."""
        shell.forget()
        shell.type(typed + keys)
        shell.wait_for(pattern)
        shell.type("\x15")

    def check_all(self, shell):
        for typed, becomes in (("fanout expl", "fanout explain "), ("fanout compare --min", "fanout compare --min-effect "),
                               ("fanout compare --format j", "fanout compare --format json "),
                               ("fanout compare --models se", "fanout compare --models serial"),
                               ("fanout compare --models serial,thr", "fanout compare --models serial,threads"),
                               ("fanout compare ze", "fanout compare zebra.py"),
                               ("fanout compare sle", "fanout compare sleep"),
                               ("fanout explain ze", "fanout explain zebra.py"),
                               ("fanout completion f", "fanout completion fish ")):
            with self.subTest(typed=typed):
                self.complete(shell, typed, re.escape(becomes))

    def test_bash(self):
        shell = self.shell("bash", "--norc", "--noprofile", "-i", INPUTRC="/dev/null")
        shell.type(f"source {self.script('bash')}; echo so''urced\n")
        shell.wait_for("sourced\n[^\n]*ready> ")
        self.check_all(shell)
        self.complete(shell, "fanout compare --format=j", re.escape("fanout compare --format=json"))
        self.complete(shell, "fanout ", "compare .*completion|completion.*compare", keys="\t\t")

    @unittest.skipUnless(shutil.which("zsh"), "zsh is not installed")
    def test_zsh(self):
        shell = self.shell("zsh", "-f", "-i")
        shell.type(f"PS1='ready> '; unsetopt beep zle_bracketed_paste; autoload -U compinit; compinit -u -D; "
                   f"source {self.script('zsh')}; echo so''urced\n")
        shell.wait_for("sourced\n[^\n]*ready> ")
        self.check_all(shell)

    @unittest.skipUnless(shutil.which("fish"), "fish is not installed")
    def test_fish(self):
        """Asked as its own completion does: its line editor redraws what it shows."""
        script = self.script("fish")
        for typed, becomes in (("fanout expl", "explain"), ("fanout compare --min", "--min-effect"),
                               ("fanout compare --format j", "json"), ("fanout compare --models serial,thr", "serial,threads"),
                               ("fanout compare ze", "zebra.py"), ("fanout compare sle", "sleep:"),
                               ("fanout explain ze", "zebra.py"), ("fanout completion fi", "fish")):
            done = subprocess.run(["fish", "--no-config", "-c", f"source {script}; complete -C {typed!r}"], text=True,
                                  stdout=subprocess.PIPE, env=self.environment(HOME=self.folder.name), timeout=60,
                                  cwd=f"{self.folder.name}/work")
            self.assertIn(becomes, [line.split("\t")[0] for line in done.stdout.splitlines()], typed)

    def test_other_shells_are_refused(self):
        for shell, words in (("tcsh", "not in 'tcsh'"), ("fisch", "did you mean fish?"), (None, "for which shell?")):
            done = self.run_tool("completion", *([shell] if shell else []))
            self.assertEqual(done.returncode, 2)
            self.assertIn(words, done.stderr_text)


class Manual(ToolTest):
    def page(self):
        done = self.run_tool("__man")
        self.assertEqual((done.returncode, done.stderr_text), (0, ""))
        return done.stdout_text

    def test_renders_without_warnings_and_tells_of_every_command(self):
        page = self.write_file("fanout.1", self.page())
        renderers = {"groff": ["groff", "-ww", "-man", "-Tutf8", "-Kutf8", page], "mandoc": ["mandoc", "-Tlint", "-Wwarning", page],
                     "man": ["man", "--warnings", "-l", page]}
        found = {name: command for name, command in renderers.items() if shutil.which(name)}
        if not found:
            self.skipTest("neither groff nor mandoc nor man is installed")
        for name, command in found.items():
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60,
                                  env=self.environment(MANPAGER="cat", MANWIDTH="80", LC_ALL="C.UTF-8"))
            self.assertEqual((done.returncode, done.stderr), (0, ""), name)
            if name == "mandoc":
                self.assertEqual(done.stdout, "")
                continue
            text = re.sub(r"\x1b\[[0-9;]*m|.\x08", "", done.stdout)
            for part in ("fanout compare [WORK] [OPTIONS]", "--min-effect SHARE", "fanout explain FILE", "fanout costs",
                         "fanout doctor", "Exit codes:"):
                self.assertIn(part, text, name)
            self.assertNotIn("__run", text)


if __name__ == "__main__":
    unittest.main()
