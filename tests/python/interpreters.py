# SPDX-License-Identifier: Apache-2.0
# The Pythons on this machine: those on PATH, and pyenv's.
import functools
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


@functools.cache
def find():
    """{interpreter: version} of all that fanout can use. Says which others there are."""
    usable, left_out = {}, []
    for command in filter(os.path.exists, dict.fromkeys(_candidates())):
        done = subprocess.run([command, "-c", _ASK], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode != 0:  # a shim without its Python
            left_out.append(f"{command} does not run")
            continue
        executable, *version = done.stdout.split()
        version = tuple(map(int, version))
        if version < (3, 11):
            left_out.append(f"{command} is older than 3.11")
        else:
            usable[os.path.realpath(executable)] = version
    if left_out:
        print(f"not tested: {', '.join(left_out)}", file=sys.stderr)
    return usable
