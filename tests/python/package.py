# SPDX-License-Identifier: Apache-2.0
# Imports the package fanout as it was built, and runs programs that do.
import os
import subprocess
import sys
import tempfile
import textwrap
import unittest
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from processes import marked_processes, wait_until  # noqa: E402

PACKAGES = os.environ["FANOUT_PACKAGES"]  # the folder that holds it
sys.path.insert(0, PACKAGES)


class ProgramTest(unittest.TestCase):
    """Tests of whole programs, which leave nothing behind: no process, and nothing in their folder for temporary files."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="fanout-package-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.temporary = os.path.join(self.folder, "tmp")
        os.mkdir(self.temporary)
        self.mark = f"FANOUT_TEST_MARK={uuid.uuid4()}"

    def tearDown(self):
        wait_until(lambda: not marked_processes(self.mark), "the end of all processes")
        self.assertEqual(os.listdir(self.temporary), [], "files were left behind")

    def environment(self):
        name, value = self.mark.split("=")
        return {**os.environ, "PYTHONPATH": PACKAGES, "TMPDIR": self.temporary, name: value, "TERM": "dumb"}

    def file(self, source, name="program.py"):
        path = os.path.join(self.folder, name)
        with open(path, "w") as file:
            file.write(textwrap.dedent(source))
        return path

    def start(self, source, *arguments):
        return subprocess.Popen([sys.executable, "-B", self.file(source), *arguments], env=self.environment(), cwd=self.folder,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run_program(self, source, *arguments):
        """What it prints; it must end well."""
        process = self.start(source, *arguments)
        output, errors = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0, errors)
        return output
