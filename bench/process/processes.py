# SPDX-License-Identifier: Apache-2.0
"""What process_bench measures, for the process pools of Python: two workers each, every library in fresh processes.

    /usr/bin/python3 bench/process/processes.py [--json] [--rounds 5] [--idle 10] [--only Pool,loky]

Needs, for the libraries that Python does not bring: python3-joblib (loky), python3-pebble, python3-mpi4py.
"""

import argparse
import importlib.util
import json
import multiprocessing
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import time

WORKERS = 2
IDLE = 0.0005  # seconds
TASKS = 20_000
INPUTS = 1_000_000
CHUNKS = (1_000, 10_000, 100_000)  # of the map: the best one counts
PAYLOAD = 10_000_000
CPU_ITEMS = 10_000
CPU_ITEM = 0.00001  # seconds
CPU_CHUNK = 50
STARTS = ("fork", "forkserver", "spawn")
TIMEOUT = 600  # seconds for one library: none of them may hang this program

# The tasks. They are this module's, not __main__'s, so that every library finds them by name.


def nothing():
    pass


def square(x):
    return x * x


def echo(data):
    return data


def compute(steps):
    x = steps
    for _ in range(steps):
        x = (x * 5 + 1) & 0xFFFF
    return x


def meet(owner, number):
    """Stays in its worker until the other is there too: see slate.hpp."""
    fd = os.open(f"/proc/{owner}/fd/{number}", os.O_RDWR | os.O_APPEND)
    os.write(fd, b"x")
    deadline = time.monotonic() + 10
    while os.fstat(fd).st_size < WORKERS:
        if time.monotonic() > deadline:
            return None
        time.sleep(0.00002)
    os.close(fd)
    return os.getpid()


# The libraries: submit() gives what get() takes, map() a list.


class Executor:
    """Whatever has the face of concurrent.futures."""

    def __init__(self, executor):
        self.executor = executor
        self.submit = executor.submit

    def get(self, future):
        return future.result()

    def map(self, f, inputs, chunk):
        return list(self.executor.map(f, inputs, chunksize=chunk))

    def close(self):
        self.executor.shutdown()


class Pool:
    def __init__(self, pool):
        self.pool = pool

    def submit(self, f, *arguments):
        return self.pool.apply_async(f, arguments)

    def get(self, result):
        return result.get()

    def map(self, f, inputs, chunk):
        return self.pool.map(f, inputs, chunk)

    def close(self):
        self.pool.close()
        self.pool.join()


class Pebble:
    def __init__(self, pool):
        self.pool = pool

    def submit(self, f, *arguments):
        return self.pool.schedule(f, args=arguments)

    def get(self, future):
        return future.result()

    def map(self, f, inputs, chunk):
        return list(self.pool.map(f, inputs, chunksize=chunk).result())

    def close(self):
        self.pool.close()
        self.pool.join()


def maker_of(name):
    """What makes a pool, given how its workers start; the library is loaded by then."""
    if name == "Pool":
        return lambda start: Pool(multiprocessing.get_context(start).Pool(WORKERS))
    if name == "ProcessPoolExecutor":
        from concurrent.futures import ProcessPoolExecutor
        return lambda start: Executor(ProcessPoolExecutor(WORKERS, multiprocessing.get_context(start)))
    if name == "loky":
        from joblib.externals import loky
        return lambda _: Executor(loky.ProcessPoolExecutor(WORKERS))
    if name == "pebble":
        import pebble
        return lambda start: Pebble(pebble.ProcessPool(WORKERS, context=multiprocessing.get_context(start)))
    from mpi4py.futures import MPIPoolExecutor
    return lambda _: Executor(MPIPoolExecutor(WORKERS, main=False))  # the tasks are not __main__'s


# By name: the package that it needs, and the ways its workers can start.
LIBRARIES = {
    "Pool": (None, STARTS),
    "ProcessPoolExecutor": (None, STARTS),
    "loky": ("joblib", ("own",)),
    "pebble": ("pebble", STARTS),
    "mpi4py": ("mpi4py", ("own",)),
}


# Measuring one of them, in a process of its own.


def seconds(work):
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def trips(pool, count, idle):
    """Microseconds, sorted."""
    times = []
    for _ in range(count):
        if idle:
            time.sleep(idle)
        times.append(1e6 * seconds(lambda: pool.get(pool.submit(nothing))))
    return sorted(times[1:])


def submit_and_get(pool):
    for result in [pool.submit(nothing) for _ in range(TASKS)]:
        pool.get(result)


def steps_of_item():
    least = min(seconds(lambda: compute(10_000)) for _ in range(30))
    return round(10_000 * CPU_ITEM / least)


def one_round(pool, inputs, data, steps):
    idle, hot = trips(pool, 201, IDLE), trips(pool, 1001, 0)
    items = [steps] * CPU_ITEMS
    figures = {
        "idle_p50_us": idle[len(idle) // 2],
        "idle_p99_us": idle[len(idle) * 99 // 100],
        "back_to_back_p50_us": hot[len(hot) // 2],
        "back_to_back_p99_us": hot[len(hot) * 99 // 100],
        "tasks_per_s": TASKS / seconds(lambda: submit_and_get(pool)),
        # Both ways count, as in MB_per_s of compare.
        "payload_MB_per_s": 2e-6 * PAYLOAD / statistics.median(
            seconds(lambda: pool.get(pool.submit(echo, data))) for _ in range(7)),
        # Half of the items on one CPU take as long as all on two, if it were only for them.
        "cpu_share": seconds(lambda: list(map(compute, items[:CPU_ITEMS // WORKERS]))) /
        seconds(lambda: pool.map(compute, items, CPU_CHUNK)),
    }
    for chunk in CHUNKS:
        figures[f"map_{chunk}_per_s"] = INPUTS / seconds(lambda: pool.map(square, inputs, chunk))
    return figures


def switches():
    """How often the threads of all processes of this session but the one that calls this went to sleep."""
    session, total = os.getsid(0), 0
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if int((process / "stat").read_text().rpartition(")")[2].split()[3]) != session:
                continue
            for thread in (process / "task").iterdir():
                if int(thread.name) != os.getpid():  # the thread that calls it is the main one
                    line = next(x for x in (thread / "status").read_text().splitlines()
                                if x.startswith("voluntary_ctxt_switches"))
                    total += int(line.split()[1])
        except (FileNotFoundError, ProcessLookupError):
            pass  # it has ended meanwhile
    return total


def measure(name, rounds, idle):
    """Prints the medians of all but the start."""
    pool = maker_of(name)("fork")
    inputs = [i % 46_341 for i in range(INPUTS)]
    data, steps = os.urandom(PAYLOAD), steps_of_item()
    assert pool.map(square, inputs, CHUNKS[0]) == [x * x for x in inputs]
    assert pool.get(pool.submit(echo, data)) == data
    results = [one_round(pool, inputs, data, steps) for _ in range(rounds)]
    figures = {figure: statistics.median(r[figure] for r in results) for figure in results[0]}
    maps = {chunk: figures.pop(f"map_{chunk}_per_s") for chunk in CHUNKS}
    figures["map_chunk"] = max(maps, key=maps.get)
    figures["map_per_s"] = maps[figures["map_chunk"]]
    if idle > 0:
        time.sleep(1)
        before = switches()
        time.sleep(idle)
        figures["wakeups_in_10_s"] = (switches() - before) * 10 / idle
    pool.close()
    print(json.dumps(figures), flush=True)


def measure_ready(name, start):
    """Prints how long from before the pool is made until each worker has answered, once: libraries keep what they have."""
    make = maker_of(name)
    slate = os.memfd_create("slate")

    def get_ready():
        nonlocal pool, pids
        pool = make(start)
        pids = {pool.get(result) for result in [pool.submit(meet, os.getpid(), slate) for _ in range(WORKERS)]}

    pool, pids = None, set()
    taken = seconds(get_ready)
    pool.close()
    assert len(pids) == WORKERS and None not in pids
    print(json.dumps({"ready_ms": 1e3 * taken}), flush=True)


# Measuring them all.


def in_fresh_process(name, call):
    """What `call`, of this module, prints; None, and the reason to the user, if it fails or hangs."""
    command = [sys.executable, "-c", f"import processes; processes.{call}"]
    environment = {**os.environ, "PYTHONPATH": str(pathlib.Path(__file__).resolve().parent)}
    if name == "mpi4py":  # mpiexec starts its workers
        command = ["mpiexec", "--oversubscribe", "-n", str(1 + WORKERS), sys.executable, "-m", "mpi4py.futures", *command[1:]]
        # Open MPI asks twice whether root may run it, and looks for networks that one machine does not need.
        environment |= {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OMPI_MCA_btl": "self,vader"}
    process = subprocess.Popen(command, env=environment, start_new_session=True, text=True,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        out, errors = process.communicate(timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        out, errors = "", f"it did not end within {TIMEOUT} s"
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)  # workers that outlive their pool
        except ProcessLookupError:
            pass
    if out and process.wait() == 0:
        return json.loads(out.splitlines()[-1])
    lines = errors.strip().splitlines() or [f"it ended with {process.returncode}"]
    why = next((line for line in reversed(lines) if "Error:" in line), lines[-1])
    print(f"processes.py: {name}: {call} failed: {why}", file=sys.stderr)
    return None


def figures_of(name, rounds, idle):
    figures = in_fresh_process(name, f"measure({name!r}, {rounds}, {idle})") or {}
    for start in LIBRARIES[name][1]:
        times = [in_fresh_process(name, f"measure_ready({name!r}, {start!r})") for _ in range(rounds)]
        if None not in times:
            figures[f"ready_{start}_ms"] = statistics.median(t["ready_ms"] for t in times)
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="for programs: bench/process/compare")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--idle", type=float, default=10, help="seconds for which an idle pool is watched; 0: it is not")
    parser.add_argument("--only", default=",".join(LIBRARIES), metavar="NAMES", help="default: %(default)s")
    options = parser.parse_args()
    names = options.only.split(",")
    for name in names:
        if name not in LIBRARIES:
            parser.error(f"no library {name}: there are {', '.join(LIBRARIES)}")

    found = {}
    for name in names:
        package = LIBRARIES[name][0]
        if package and importlib.util.find_spec(package) is None or name == "mpi4py" and shutil.which("mpiexec") is None:
            print(f"processes.py: {name} is left out: {sys.executable} has no {package} (on Debian: python3-{package}, for "
                  "/usr/bin/python3)", file=sys.stderr)
            continue
        found[name] = figures_of(name, options.rounds, options.idle)
    if options.json:
        print(json.dumps(found))
        return
    for name, figures in found.items():
        print(f"{name}({WORKERS}), medians of {options.rounds} rounds")
        for figure, value in figures.items():
            print(f"  {figure:22}{value:16,.2f}" if value < 1000 else f"  {figure:22}{value:16,.0f}")


if __name__ == "__main__":
    main()
