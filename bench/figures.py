# SPDX-License-Identifier: Apache-2.0
"""What the programs named compare have in common: running the benchmarks, and telling which targets are met."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

PROGRAMS = pathlib.Path(__file__).resolve().parents[1] / "build/release/bench"
PYTHON = "/usr/bin/python3"  # Debian's own: it has the packages that are peers


def output(arguments: list[str]) -> str:
    done = subprocess.run(arguments, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"compare: failed: {' '.join(arguments)}")
    return done.stdout


def benchmarks(program: pathlib.Path, repetitions: int, only: str, more: tuple[str, ...] = ()) -> dict[str, dict]:
    """The medians, by the name of the benchmark, without what Google Benchmark adds to it."""
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        arguments = [str(program), f"--benchmark_repetitions={repetitions}", "--benchmark_min_time=0.2",
                     "--benchmark_enable_random_interleaving=true", f"--benchmark_filter={only}",
                     f"--benchmark_out={file.name}", "--benchmark_out_format=json", *more]
        done = subprocess.run(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            sys.exit(f"compare: failed: {' '.join(arguments)}\n{done.stderr}")
        text = file.read()
    runs = json.loads(text)["benchmarks"] if text else []  # empty if no benchmark has such a name
    wrong = {f"{r['run_name']}: {r['error_message']}" for r in runs if r.get("error_occurred")}
    for error in sorted(wrong):
        print(f"compare: {error}", file=sys.stderr)
    medians = {}
    for r in runs:
        if r.get("error_occurred") or r.get("aggregate_name", "median") != "median":
            continue
        name = r["run_name"].removesuffix("/real_time").split("/iterations")[0]
        medians[name] = r  # an aggregate comes after what it is of
    return medians


def warn_of_load() -> None:
    load = os.getloadavg()[0]
    if load > 0.5:
        print(f"compare: others use {load:.1f} CPUs of this machine: ratios bear that, as they are measured in turns; times "
              "do not", file=sys.stderr)


def number(value: float | None) -> str:
    if value is None:
        return "-"
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def show_rows(rows: dict[str, dict[str, float]], libraries: tuple[str, ...], width: int = 9) -> None:
    titles = max(40, *(len(row) for row in rows))
    print(f"{'':{titles}}" + "".join(f"{library:>{width}}" for library in libraries))
    for row, values in rows.items():
        if values:
            print(f"{row:{titles}}" + "".join(f"{number(values.get(library)):>{width}}" for library in libraries))


def show_targets(targets: list[tuple[str, float | None, str, float]], all_of_them: bool) -> None:
    """Of each: what it is about, the figure that counts, the comparison, the limit."""
    print(f"{'target':50}{'is':>12}{'should be':>14}")
    for what, value, comparison, limit in targets:
        if value is None and not all_of_them:
            continue
        if value is None:
            verdict = "not measured"
        else:
            verdict = "met" if (value <= limit if comparison == "<=" else value >= limit) else "MISSED"
        print(f"{what:50}{number(value):>12}{f'{comparison} {limit:,.9g}':>14}  {verdict}")


def put_into(page: pathlib.Path, mark: str, lines: list[str]) -> None:
    """Between its two marks, the second of which is `end`."""
    begin, end = f"<!-- {mark} -->\n", "<!-- end -->\n"
    before, found, rest = page.read_text().partition(begin)
    old, found_too, after = rest.partition(end)
    if not found or not found_too:
        sys.exit(f"compare: {page} has no lines {begin.strip()} and {end.strip()} to put the tables between")
    page.write_text(before + begin + "\n".join(lines) + "\n" + end + after)


def table(heads: list[str], rows: list[list[str]]) -> list[str]:
    """In Markdown."""
    return ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|", *("| " + " | ".join(row) + " |" for row in rows)]
