# SPDX-License-Identifier: Apache-2.0
# The Pythons on this machine: those on PATH, and pyenv's.
import glob
import os
import shutil
import subprocess
import sys

_ASK = "import sys; print(sys.executable, *sys.version_info[:3])"


def _candidates():
    yield sys.executable
    yield "/usr/bin/python3"
    for minor in range(11, 30):
        if found := shutil.which(f"python3.{minor}"):
            yield found
    root = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    yield from sorted(glob.glob(os.path.join(root, "versions", "*", "bin", "python3")))


def _ask(command):
    """(the interpreter itself, version), or None where the command does not work, as a shim may not."""
    done = subprocess.run([command, "-c", _ASK], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        return None
    executable, *version = done.stdout.split()
    return os.path.realpath(executable), tuple(map(int, version))


def find():
    """{interpreter: version} of all that fanout can use."""
    answers = filter(None, map(_ask, filter(os.path.exists, dict.fromkeys(_candidates()))))
    return {executable: version for executable, version in answers if version >= (3, 11)}
