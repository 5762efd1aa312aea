# SPDX-License-Identifier: Apache-2.0
"""The known truths at full size: scripts/known-truth."""

import argparse
import json
import os
import subprocess
import sys

from truths import TRUTHS, command, problems


def run(fanout, truth):
    cpus = sorted(os.sched_getaffinity(0))[:truth.cpus]
    done = subprocess.run([fanout, *command(truth, small=False), "--format", "json"], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          preexec_fn=lambda: os.sched_setaffinity(0, cpus))
    if not done.stdout:
        sys.exit(f"known-truth: {truth.name}: exit code {done.returncode}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def said(record):
    walls = ", ".join(f"{row['model']} {row['median_s']:.3g} s" for row in record["summary"])
    rounds = record["rounds"]
    disturbed = sum(one["dirty"] for one in rounds)
    return f"{walls}; {len(rounds)} rounds" + (f", {disturbed} disturbed" if disturbed else "")


def main():
    parser = argparse.ArgumentParser(prog="scripts/known-truth", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="of truths (all)")
    parser.add_argument("--list", action="store_true", help="say what is known, run nothing")
    parser.add_argument("--keep", metavar="FOLDER", help="write the records there, for fanout explain")
    parser.add_argument("--fanout", required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()
    unknown = set(options.names) - {truth.name for truth in TRUTHS}
    if unknown:
        parser.error(f"there is no truth {sorted(unknown)[0]}; --list names them")
    if len(os.sched_getaffinity(0)) < 2:
        parser.error("two CPUs are needed: on one, no model is faster than another")
    wrong = run_count = 0
    for truth in TRUTHS:
        if options.names and truth.name not in options.names:
            continue
        print(f"{truth.name}: {truth.because}", flush=True)
        if options.list:
            print(f"    fanout {' '.join(command(truth, small=False))}")
            print("    " + ", ".join(truth.relations + truth.only_full))
            continue
        record = run(options.fanout, truth)
        if options.keep:
            with open(os.path.join(options.keep, truth.name + ".json"), "w") as file:
                json.dump(record, file)
        found = problems(record, truth, small=False)
        run_count += 1
        wrong += bool(found)
        print(f"    {said(record)}")
        for problem in found:
            print(f"  ✘ {problem}")
        if not found:
            print("  ✔ " + ", ".join(truth.relations + truth.only_full))
        sys.stdout.flush()
    if not options.list:
        print(f"{run_count - wrong} of {run_count} are found as they are known to be")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
