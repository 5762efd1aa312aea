# SPDX-License-Identifier: Apache-2.0
"""Work whose best model is known by how it is made, and what `fanout compare` has to say of it.

A relation is one of
    "a < b"    a is faster than b
    "a = b"    they are equally fast: within 3 %
    "a <= b"   a is not slower than b
of verdicts. `why` names the rules that the diagnosis of the record must apply. Two CPUs are needed, or more."""

import dataclasses
import os

HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = os.path.join(HERE, "python_tasks.py")
NOTEBOOK = os.path.normpath(os.path.join(HERE, "../../examples/notebook/tasks.py"))


@dataclasses.dataclass(frozen=True)
class Truth:
    name: str
    because: str
    work: str                    # {} stands for the size
    size: str                    # that shows the truth beyond doubt on a quiet machine
    small: str | None            # for the tests: takes little time, and must not show the contrary; None: too large for them
    options: tuple[str, ...]
    relations: tuple[str, ...]
    sure: tuple[str, ...] = ()   # those of them that tests find on any machine: a factor of five or more, of long runs
    at_most: dict[str, float] = dataclasses.field(default_factory=dict)  # how many times as fast as serial, at full size
    at_least: dict[str, float] = dataclasses.field(default_factory=dict)  # the same
    gil_at_least: float | None = None  # the share of their time that threads wait for the GIL, at full size
    gil_at_most: float | None = None   # the same
    closure_at_most: float | None = None  # the share of the workers' time that the account of it may be off, at full size
    why: tuple[str, ...] = ()
    why_below: float | None = None  # ask for why only if threads are less than so many times as fast as serial
    cpus: int | None = None      # run on so many
    only_full: tuple[str, ...] = ()  # relations that need not hold at the small size, where starting processes counts
    rounds: tuple[str, ...] = ("--rounds", "auto", "--budget", "4m")  # at full size

    @property
    def needs_python(self):
        return self.work.startswith((PYTHON, NOTEBOOK))


CPU_WORK = ("threads < serial", "async = serial")

TRUTHS = (
    Truth("pure_cpu", "two tasks, two CPUs",
          "cpu:{}", "300000000", "60000000", ("--tasks", "2"),
          CPU_WORK + ("processes < serial",), only_full=("threads = processes",), why=("cpu_bound",)),
    Truth("one_task_that_computes", "one task: there is nothing to do at the same time",
          "cpu:{}", "600000000", "20000000", ("--tasks", "1"),
          ("async = serial", "threads = serial"), only_full=("processes = serial",), why=("cpu_bound",)),
    Truth("one_wait", "one task: there is nothing to do at the same time",
          "sleep:{}", "1", "0.05", ("--tasks", "1"),
          ("async = serial", "threads = serial"), only_full=("processes = serial",), why=("waits",)),
    Truth("ten_waits", "all wait at the same time, but under serial",
          "sleep:{}", "0.5", "0.1", ("--tasks", "10", "--workers", "10"),
          ("async < serial", "threads < serial", "processes < serial", "async <= threads", "async <= processes"),
          sure=("async < serial", "threads < serial"), only_full=("async = threads",), why=("waits",)),
    Truth("a_thousand_waits", "coroutines all wait at once, 32 workers wait in turns",
          "sleep:{}", "0.005", "0.0005", ("--tasks", "1000", "--workers", "32"),
          ("async < serial", "async < threads", "async < processes", "threads < serial"),
          sure=("async < serial", "threads < serial"), only_full=("processes < serial",), why=("waits",)),
    Truth("tiny_tasks", "handing a task to a process takes longer than the task",
          "cpu:{}", "20", "20", ("--tasks", "20000"),
          ("serial < processes", "async < processes"), why=("tiny_tasks",)),
    Truth("short_run", "starting processes takes longer than all tasks",
          "cpu:{}", "200000", "200000", ("--tasks", "2"),
          ("serial < processes", "async < processes"), why=("start_up",)),
    Truth("large_data", "data are shipped to processes, threads pass a pointer",
          "data:{}", "20000000", "5000000", ("--tasks", "5"),
          ("serial < processes", "async < processes", "threads < processes"), why=("shipping",)),
    Truth("a_global_lock", "threads take turns, each process has its own lock",
          "lock:{}", "300000000", "60000000", ("--tasks", "2"),
          ("processes < serial", "processes < threads", "async = serial"), only_full=("threads = serial",),
          at_most={"threads": 1.1}, why=("lock",)),
    Truth("memory_bandwidth", "CPUs share their way to memory: more of them help less, or not, but do no harm",
          "memory:{}", "200000000", "10000000", ("--tasks", "2"),
          ("async = serial", "threads <= serial"), only_full=("processes <= serial",),
          why=("memory_bandwidth",), why_below=1.7),  # memory is no limit where two CPUs do not use it up
    Truth("allocation", "each thread has an arena of its own",
          "alloc:{}", "10000000", "500000", ("--tasks", "2"),
          CPU_WORK, only_full=("processes < serial",), why=("cpu_bound",)),
    Truth("one_long_task", "1 + 4 x 0.1 at the same time as the longest: 1.4 times is all there is",
          "uneven:{}", "400000000", "30000000", ("--tasks", "5"),
          CPU_WORK, only_full=("processes < serial", "threads = processes"),
          at_most={"threads": 1.45, "processes": 1.45}, why=("long_task",)),
    Truth("more_workers_than_cpus", "sixteen workers get no more done than there are CPUs",
          "cpu:{}", "60000000", "4000000", ("--tasks", "16", "--workers", "16"),
          CPU_WORK, only_full=("processes < serial", "threads = processes"), why=("more_workers_than_cpus",)),
    Truth("a_blocking_call_in_a_coroutine", "the loop stands still",
          "block:{}", "0.2", "0.1", ("--tasks", "10", "--workers", "10"),
          ("async = serial", "threads < async", "processes < async"), sure=("threads < async",), why=("blocks_loop",)),
    Truth("mixed", "coroutines wait together and compute one after another, threads do both together",
          "mixed:{}", "0.4", "0.03", ("--tasks", "4"),
          ("async < serial", "threads < serial", "threads < async"),
          only_full=("processes < serial", "processes < async"), why=("mixed",)),
    Truth("commands_that_wait", "a child that waits keeps nobody from anything, but under serial",
          "cmd:sleep {}", "0.5", "0.2", ("--tasks", "10", "--workers", "10"),
          ("async < serial", "threads < serial", "processes < serial"),
          sure=("async < serial", "threads < serial"), why=("waits",)),
    Truth("commands_that_compute", "two children on two CPUs, whoever waits for them",
          "cmd:python3 -c 'sum(i * i for i in range({}))'", "10000000", "2000000", ("--tasks", "2"),
          ("async < serial", "threads < serial"), only_full=("processes < serial",), why=("cpu_bound",)),
    Truth("one_cpu", "on one CPU nothing computes at the same time",
          "cpu:{}", "300000000", "20000000", ("--tasks", "2"),
          ("async = serial", "threads = serial"), only_full=("processes = serial",), cpus=1, why=("one_cpu",)),
    Truth("python_that_holds_the_gil", "one thread at a time runs Python",
          f"{NOTEBOOK}:cpu_task", "10000000", "400000", ("--tasks", "2"),
          ("async = serial", "serial <= threads"), only_full=("processes < serial", "processes < threads"),
          at_most={"threads": 1.05}, at_least={"threads": 0.95, "processes": 1.8}, gil_at_least=0.4,
          closure_at_most=0.02, why=("gil",)),
    Truth("python_that_holds_the_gil_for_long", "beside ten times the work, starting processes takes no time",
          f"{NOTEBOOK}:cpu_task", "100000000", None, ("--tasks", "2", "--models", "serial,threads,processes"),
          ("processes < serial", "processes < threads"), rounds=("--rounds", "3", "--warmup", "0"),
          at_most={"threads": 1.05}, at_least={"threads": 0.95, "processes": 1.95}, gil_at_least=0.4,
          closure_at_most=0.02, why=("gil",)),
    Truth("python_that_releases_the_gil", "hashlib computes without it",
          f"{PYTHON}:hashes", "1000000", "150000", ("--tasks", "2"),
          CPU_WORK, only_full=("processes < serial",), at_least={"threads": 1.85}, gil_at_most=0.02,
          why=("releases_gil",)),
    Truth("python_that_compresses", "zlib computes without the GIL",
          f"{PYTHON}:compresses", "20", "2", ("--tasks", "2"),
          CPU_WORK, only_full=("processes < serial",), at_least={"threads": 1.85}, gil_at_most=0.02,
          why=("releases_gil",)),
    Truth("a_thousand_coroutines_against_a_thousand_threads", "a coroutine needs no stack and no start of its own",
          f"{PYTHON}:waits", "0.1", "0.1", ("--tasks", "1000", "--workers", "1000", "--models", "async,threads"),
          ("async < threads",), why=("cheap_waits",)),
    Truth("python_that_blocks_its_loop", "time.sleep() in a coroutine function",
          f"{PYTHON}:blocks", "0.6", "0.05", ("--tasks", "5"),
          ("async = serial", "threads < async"), only_full=("processes < async",), why=("blocks_loop",)),
    Truth("python_that_awaits", "await asyncio.sleep()",
          f"{PYTHON}:awaits", "0.6", "0.05", ("--tasks", "5"),
          ("async < serial", "threads < serial"), only_full=("processes < serial",), why=("waits",)),
)


# Rules that look at what tasks did, and not at how fast, or when: they hold on a busy machine, too.
AT_ANY_LOAD = {"cpu_bound", "waits", "mixed", "one_cpu"}


def command(truth, small):
    """The arguments of `fanout compare`, but for those that say how it is shown."""
    size = truth.small if small else truth.size
    work = [truth.work, "--arg", size] if truth.needs_python else [truth.work.format(size)]
    # What has to be found gets five rounds: with a factor of five, three would have to agree within a sixth.
    rounds = ("--rounds", "5" if truth.sure else "3", "--warmup", "0") if small else truth.rounds
    return ["compare", *work, *truth.options, *rounds, "--no-config"]


def verdict(record, a, b):
    """On a; None if the two were not compared."""
    swapped = {"faster": "slower", "slower": "faster"}
    for pair in record["pairs"]:
        if (pair["a"], pair["b"]) == (a, b):
            return pair["verdict"]
        if (pair["b"], pair["a"]) == (a, b):
            return swapped.get(pair["verdict"], pair["verdict"])
    return None


SHOWS = {"<": ("faster",), "=": ("equivalent", "negligible"), "<=": ("faster", "equivalent", "negligible", "undecided")}


def problems(record, truth, small):
    """What the record says that is wrong, or, as far as that is sure to show at its size, fails to say."""
    found = [f"{failure['models']} failed: {failure['error']}" for failure in record.get("failures", [])]
    found += wrong_verdicts(record, truth, small)
    for row in () if small else record["summary"]:
        found += wrong_speed(row, truth)
        found += wrong_account(row, truth)
    return [*found, *missing_reasons(record, truth, small)]


def wrong_verdicts(record, truth, small):
    for relation in truth.relations + (() if small else truth.only_full):
        a, sign, b = relation.split()
        said = verdict(record, a, b)
        may_be_open = small and relation not in truth.sure
        if said not in SHOWS[sign] and not (may_be_open and said == "undecided"):
            yield f"{relation} is true, but the verdict is: {a} is {said} compared with {b}"


def wrong_speed(row, truth):
    model, speed = row["model"], row.get("speedup_vs_serial")
    most, least = truth.at_most.get(model), truth.at_least.get(model)
    if speed and most and speed > most:
        yield f"{model} cannot be {speed} times as fast as serial: {most} at most"
    if speed and least and speed < least:
        yield f"{model} must be at least {least} times as fast as serial, not {speed}"


def wrong_account(row, truth):
    """Of where the workers' time went."""
    model, time = row["model"], row.get("decomposition")
    if time is None:
        return
    waited, off = time["gil_s"] / time["workers_s"], abs(time["closure_error_s"]) / time["workers_s"]
    if model == "threads" and truth.gil_at_most is not None and waited > truth.gil_at_most:
        yield f"threads waited for the GIL for {100 * waited:.1f} % of their time: it is not held"
    if model == "threads" and truth.gil_at_least is not None and waited < truth.gil_at_least:
        yield f"threads waited for the GIL for {100 * waited:.1f} % of their time only: one of them always does"
    if truth.closure_at_most is not None and off > truth.closure_at_most:
        yield f"the account of {model} is off by {100 * off:.1f} % of the workers' time"


def missing_reasons(record, truth, small):
    [threads] = [row for row in record["summary"] if row["model"] == "threads"] or [None]
    if truth.why_below is not None and not (threads and threads["speedup_vs_serial"] < truth.why_below):
        return
    rules = [one["rule"] for one in record.get("why", [])]
    for rule in truth.why:
        if rule not in rules and (rule in AT_ANY_LOAD or not small):
            yield f"why does not name {rule}: {rules}"
