# SPDX-License-Identifier: Apache-2.0
# Runs host.py as the lab does: a process of its own, its record and its output taken down.
import json
import os
import subprocess
import sys
import tempfile
import textwrap
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from processes import marked_processes, wait_until  # noqa: E402, F401

HOST = os.path.join(os.environ["FANOUT_PYTHON_DIR"], "host.py")
NOTEBOOK = os.path.join(os.path.dirname(__file__), "..", "..", "examples", "notebook", "tasks.py")
EXTENSION = os.path.exists(os.path.join(os.path.dirname(HOST), "_fanout.abi3.so"))
MODELS = ("serial", "async", "threads", "processes", "processes/fork") if EXTENSION else ("serial", "async")
METER = os.path.join(os.path.dirname(HOST), "libfanout_gil.so")  # what the lab preloads for the model threads
needs_extension = unittest.skipUnless(EXTENSION, "this build has no Python extension")


class Run:
    """What came of one host: record (None if it wrote none), output (both streams), status (the exit code)."""

    def __init__(self, *options, environment=None, host=HOST, interpreter_name=sys.executable, interpreter=sys.executable, folder=None):
        variables = {**os.environ, **(environment or {})}  # None: not there
        with tempfile.TemporaryFile() as record:  # in place of the lab's pipe: it needs no reader
            done = subprocess.run(
                [interpreter_name, host, *options],
                executable=interpreter,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=[record.fileno()],
                env={name: value for name, value in variables.items() if value is not None} | {"FANOUT_RECORD_FD": str(record.fileno())},
            )
            record.seek(0)
            text = record.read()
        self.output = done.stdout.decode()
        self.status = done.returncode
        self.record = json.loads(text) if text else None

    @property
    def lines(self):
        return self.output.splitlines()

    @property
    def tasks(self):
        if "tasks" not in self.record:
            raise AssertionError(f"nothing ran: {self.record}")
        return self.record["tasks"]

    @property
    def values(self):
        return [task.get("value") if task["ok"] else task["error"] for task in self.tasks]


class HostTest(unittest.TestCase):
    """Tests whose user's file is written on the spot."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def file(self, source, name="work.py"):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(textwrap.dedent(source))
        return path

    def run_host(self, model, source, function, *arguments, tasks=1, workers=2, named=(), lines=None, setup=None, **how):
        options = [f"--model={model}", *self._what(source, function), f"--tasks={tasks}", f"--workers={workers}"]
        options += [f"--arg={argument}" for argument in arguments] + [f"--kwarg={pair}" for pair in named]
        options += [f"--args-from={lines}"] if lines else []
        options += [f"--setup={setup}"] if setup else []
        return Run(*options, folder=self.folder, **how)

    def _what(self, source, *functions):
        """A source with a slash in it is a file, any other a module in the test's folder."""
        return [f"--{'file' if '/' in source else 'module'}={source}", *(f"--function={function}" for function in functions)]

    def check(self, source, *functions, arguments=(), named=(), lines=None, setup=None, attempt=None, **how):
        options = ["--check", *self._what(source, *functions)]
        options += [f"--arg={argument}" for argument in arguments] + [f"--kwarg={pair}" for pair in named]
        options += [f"--args-from={lines}"] if lines else []
        options += [f"--setup={setup}"] if setup else []
        options += [f"--try={attempt}"] if attempt else []
        return Run(*options, folder=self.folder, **how)

    def under_each_model(self):
        """for model in …: each in a subtest."""
        for model in MODELS:
            with self.subTest(model=model):
                yield model
