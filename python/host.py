# SPDX-License-Identifier: Apache-2.0
# Runs the user's function under one model in the user's own interpreter and writes one line of JSON, the record, to the
# descriptor in FANOUT_RECORD_FD; with --check it only tells what it is and whether that could be done. Any Python can read this file,
# so that one that is too old can be told by its version.
#
#   PYTHON host.py --model=M WHAT --tasks=N --workers=W
#   PYTHON host.py --check [WHAT [--function=NAME]... [--try=M]]
#     WHAT: --file=F|--module=NAME --function=NAME [--setup=CODE] [--arg=TEXT]... [--kwarg=NAME=TEXT]... [--args-from=F]
import os
import sys


def take_record_descriptor():
    """The descriptor, which neither the user's code nor what it starts shall see."""
    descriptor = int(os.environ.pop("FANOUT_RECORD_FD"))
    if hasattr(os, "set_inheritable"):
        os.set_inheritable(descriptor, False)
    return descriptor


def put_ourselves_on_path():
    """sys.path[0] is this folder, whatever -P or PYTHONSAFEPATH say, until the user's folder takes its place."""
    here = os.path.dirname(os.path.realpath(__file__))
    if sys.path[0] != here:
        sys.path.insert(0, here)


def main():
    record = take_record_descriptor()
    if sys.version_info < (3, 11):
        version = ".".join(str(part) for part in sys.version_info[:3])
        os.write(record, ('{"python": {"version": "%s", "executable": "%s"}}\n' % (version, sys.executable or os.readlink("/proc/self/exe"))).encode())
        return
    put_ourselves_on_path()
    from fanout_host import run

    run.main(record, sys.argv[1:])


if __name__ == "__main__":
    main()
