# SPDX-License-Identifier: Apache-2.0
"""Runs the tool, and counts what it leaves behind."""

import json
import os
import pty
import signal
import subprocess
import sys
import tempfile
import unittest
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from processes import marked_processes, wait_until  # noqa: E402

FANOUT = os.environ["FANOUT"]
SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HOSTS_PYTHON = os.environ.get("FANOUT_HOSTS_PYTHON") == "1"
MODELS = ["serial", "async", "threads", "processes"]


class ToolTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.started_processes = []
        self.mark = f"FANOUT_TEST_MARK={uuid.uuid4()}"
        self.folder = tempfile.TemporaryDirectory(prefix="fanout-cli-")
        self.addCleanup(self.folder.cleanup)

    def tearDown(self):
        for process in self.started_processes:
            if process.poll() is None:  # the test has failed already
                process.kill()
                process.communicate()
        self.assertEqual(marked_processes(self.mark), [], "processes were left behind")

    def environment(self, **changes):
        # Without the user's own defaults for fanout compare.
        environment = {**os.environ, "XDG_CONFIG_HOME": os.path.join(self.folder.name, "config"), **changes}
        for name in ("COLUMNS", "NO_COLOR"):
            if name not in changes:
                environment.pop(name, None)
        name, value = self.mark.split("=")
        environment[name] = value
        return environment

    def start(self, *args, environment=None, program=FANOUT, **options):
        process = subprocess.Popen([program, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                                   stderr=subprocess.PIPE, env=environment or self.environment(), cwd=self.folder.name,
                                   **options)
        self.started_processes.append(process)
        return process

    def run_tool(self, *args, **options):
        process = self.start(*args, **options)
        process.stdout_text, process.stderr_text = process.communicate(timeout=120)
        return process

    def compare_json(self, *args, expected_code=0):
        done = self.run_tool("compare", *args, "--format", "json")
        self.assertEqual(done.returncode, expected_code, done.stderr_text)
        return json.loads(done.stdout_text)

    def run_on_terminal(self, *args, **changes):
        """Both streams on a terminal; returns what it showed."""
        controller, terminal = pty.openpty()
        process = subprocess.Popen([FANOUT, *args], stdin=subprocess.DEVNULL, stdout=terminal, stderr=terminal,
                                   env=self.environment(**{"TERM": "xterm", **changes}), cwd=self.folder.name)
        os.close(terminal)
        shown = b""
        while True:
            try:
                piece = os.read(controller, 65536)
            except OSError:  # EIO: the other end is closed
                break
            if not piece:
                break
            shown += piece
        os.close(controller)
        self.assertEqual(process.wait(timeout=60), 0, shown)
        return shown.decode()

    def write_file(self, name, text, replace=False):
        path = os.path.join(self.folder.name, name)
        if replace:
            os.remove(path)
        with open(path, "w") as file:
            file.write(text)
        return path

    def processes_of(self, process):
        """What the tool has started, directly or not."""
        return [pid for pid in marked_processes(self.mark) if pid != process.pid]

    def host_of(self, process):
        """Waits until a host runs, and returns its pid."""
        hosts = []

        def running():
            self.assertIsNone(process.poll(), "it ended before a host ran")
            for pid in self.processes_of(process):
                try:
                    with open(f"/proc/{pid}/cmdline", "rb") as cmdline:
                        if b"__run" in cmdline.read().split(b"\0"):
                            hosts.append(pid)
                except OSError:
                    pass
            return hosts

        wait_until(running, "a host")
        return hosts[0]


__all__ = ["FANOUT", "HOSTS_PYTHON", "MODELS", "SOURCE", "ToolTest", "marked_processes", "signal", "subprocess", "wait_until"]
