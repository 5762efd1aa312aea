# SPDX-License-Identifier: Apache-2.0
"""scripts/real-code: what `fanout compare` says of functions from Debian's packages, and whether it says so again.

Nobody knows beforehand which model is best for these. But who measures twice must not be told two things that cannot
both be true, nor be recommended another model the second time unless it was found to be as good the first."""

import argparse
import dataclasses
import json
import os
import subprocess
import sys

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "packaged")
PYTHON = "/usr/bin/python3"  # Debian's own, whatever is first on PATH


@dataclasses.dataclass(frozen=True)
class Function:
    name: str
    calls: str                 # of the library
    times: int                 # how often, for about a second of work in each task
    module: str = "standard"   # what has it; its tasks are in FOLDER
    package: str = "python3"   # Debian's, which brings that


FUNCTIONS = (
    Function("hash_passwords", "hashlib.pbkdf2_hmac, 100,000 rounds", 25),
    Function("compress_logs", "zlib.compress, 1.4 MB", 28),
    Function("match_log", "re, 5,000 lines of a log", 230),
    Function("parse_json", "json.loads, 550 kB", 150),
    Function("query_sqlite", "sqlite3, a query over 5,000 rows", 300),
    Function("sort_numbers", "numpy.sort, a million numbers", 14, "numpy", "python3-numpy"),
    Function("multiply_matrices", "numpy, 400 × 400 matrices", 30, "numpy", "python3-numpy"),
    Function("resize_picture", "Pillow, 1600 × 1200 to 640 × 480", 60, "pillow", "python3-pil"),
    Function("parse_xml", "lxml.etree.fromstring, 400 kB", 150, "lxml", "python3-lxml"),
)


def why_not(function):
    """Why it cannot be measured here, or None."""
    if not os.path.exists(PYTHON):
        return f"there is no {PYTHON}"
    done = subprocess.run([PYTHON, "-B", "-c", f"import {function.module}_tasks"], cwd=FOLDER, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True)
    if done.returncode == 0:
        return None
    return f"{PYTHON} cannot run it ({done.stderr.strip().splitlines()[-1]}): {function.package} is missing"


def measure(fanout, function, times, *options):
    file = os.path.join(FOLDER, f"{function.module}_tasks.py")
    done = subprocess.run([fanout, "compare", f"{file}:{function.name}", "--arg", str(times), "--python", PYTHON,
                           "--format", "json", *options], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          env=dict(os.environ, PYTHONDONTWRITEBYTECODE="1"))
    if done.returncode != 0:
        raise RuntimeError(f"{function.name}: exit code {done.returncode}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def best(record):
    """The models that no other is shown to be faster than."""
    return [row["model"] for row in record["summary"] if row["rank"] == 1]


def verdicts(record):
    """{(a, b): verdict on a}, each pair once, by name."""
    swapped = {"faster": "slower", "slower": "faster"}
    found = {}
    for pair in record["pairs"]:
        a, b, said = pair["a"], pair["b"], pair["verdict"]
        found[min(a, b), max(a, b)] = said if a < b else swapped.get(said, said)
    return found


def contradictions(first, second):
    """What two records say that cannot both be true: what is undecided, or close, contradicts nothing."""
    again = verdicts(second)
    return [f"{a} is {said} compared with {b}, then {again[a, b]}" for (a, b), said in verdicts(first).items()
            if {said, again.get((a, b))} in ({"faster", "slower"}, {"faster", "equivalent"}, {"slower", "equivalent"})]


def problems(first, second):
    found = [f"measurement {number}: nothing is decided" for number, record in enumerate((first, second), 1)
             if set(verdicts(record).values()) == {"undecided"}]
    found += contradictions(first, second)
    if not set(best(first)) & set(best(second)):
        found.append(f"best is {' or '.join(best(first))}, then {' or '.join(best(second))}")
    return found


def said(record):
    rows = [f"{row['model']} {row['speedup_vs_serial']:.2f}×" for row in record["summary"]]
    return f"{', '.join(rows)}; best: {' or '.join(best(record))}; why: {', '.join(one['rule'] for one in record['why'])}"


def main():
    parser = argparse.ArgumentParser(prog="scripts/real-code", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="of functions (all)")
    parser.add_argument("--list", action="store_true", help="name them, run nothing")
    parser.add_argument("--budget", default="60s", help="for each of the two measurements (60s)")
    parser.add_argument("--fanout", required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()
    unknown = set(options.names) - {function.name for function in FUNCTIONS}
    if unknown:
        parser.error(f"there is no function {sorted(unknown)[0]}; --list names them")
    confirmed = measured = 0
    for function in FUNCTIONS:
        if options.names and function.name not in options.names:
            continue
        print(f"{function.name}: {function.calls}", flush=True)
        if options.list:
            continue
        if reason := why_not(function):
            print(f"    left out: {reason}")
            continue
        records = []
        for _ in range(2):
            records.append(measure(options.fanout, function, function.times, "--budget", options.budget))
            print(f"    {said(records[-1])}", flush=True)
        found = problems(*records)
        measured += 1
        confirmed += not found
        for problem in found:
            print(f"  ✘ {problem}")
        if not found:
            print("  ✔ confirmed", flush=True)
    if not options.list:
        print(f"{confirmed} of {measured} are found as they were found before")
    sys.exit(0 if confirmed == measured else 1)


if __name__ == "__main__":
    main()
