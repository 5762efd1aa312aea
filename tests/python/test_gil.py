# SPDX-License-Identifier: Apache-2.0
# What is said of waiting for the interpreter's lock. Other programs may keep the processors busy: then threads that need the
# lock all the time queue for a processor instead (runq), and only bounds hold that are wide.
import os
import shutil
import subprocess
import unittest

import interpreters
from support import HOST, METER, HostTest, Run, needs_extension

PRELOADED = {"LD_PRELOAD": METER}

SELDOM = 0.25  # the share of its time for which a task may wait that needs the lock now and then: who has it may get no processor

# What the user's file of each test begins with: the meter and the clocks, as a task sees them.
READINGS = """
import os, threading, time
import _fanout

def queued():
    with open("/proc/thread-self/schedstat") as file: return int(file.read().split()[1]) * 1e-9

def readings():
    _, asleep, _, awake, waits, _ = _fanout.gil_waits_here()
    return {"wall": time.monotonic(), "cpu": time.thread_time(), "runq": queued(), "gil": asleep, "gil_runq": awake, "waits": waits}

def spent_in(function):
    before = readings()
    function()
    after = readings()
    return {key: after[key] - before[key] for key in after}

def computes(seconds=0.1):
    end = time.thread_time() + seconds
    while time.thread_time() < end: sum(i * i for i in range(2000))
"""


class GilTest(HostTest):
    def run_threads(self, source, function, tasks=2, workers=2, environment=PRELOADED, **how):
        file = self.file(READINGS)
        with open(file, "a") as end:
            end.write(source)
        run = self.run_host("threads", file, function, tasks=tasks, workers=workers, environment=environment, **how)
        self.assertEqual((run.output, run.status), ("", 0))
        return run

    def spent(self, source, function, **how):
        """What each task has spent, from the inside."""
        return [eval(value) for value in self.run_threads(source, function, **how).values]


@needs_extension
class Waiting(GilTest):
    def test_takes_threads_that_compute_half_of_their_time_in_every_interpreter(self):
        source = """
both, used = threading.Barrier(2), {}
def computes_beside_the_other():
    begin, used[threading.get_ident()] = time.thread_time(), 0
    while len(used) < 2 or min(used.values()) < 0.1:
        sum(i * i for i in range(2000))
        used[threading.get_ident()] = time.thread_time() - begin
def task():
    both.wait()
    return spent_in(computes_beside_the_other)
"""
        for interpreter, version in interpreters.find().items():
            with self.subTest(interpreter=interpreter, version=version):
                spent = self.spent(source, "task", interpreter=interpreter)
                wall, cpu, runq, gil = (sum(one[key] for one in spent) for key in ("wall", "cpu", "runq", "gil"))
                self.assertLess(cpu, 0.6 * wall)  # one at a time
                self.assertGreater(gil, 0.1 * (wall - runq))
                if runq < 0.05 * wall:
                    self.assertTrue(0.4 * wall < gil < 0.6 * wall, spent)
                for one in spent:
                    self.assertGreater(one["waits"], 1)

    def test_is_what_is_left_of_the_time_of_threads_that_compute(self):
        # wall = CPU + lock + run queue, within 5 %: two clocks of the kernel, and a few reads of files.
        for one in self.spent("\ndef task(): return spent_in(computes)", "task"):
            known = one["cpu"] + one["gil"] + one["runq"]
            self.assertAlmostEqual(known, one["wall"], delta=0.05 * one["wall"] + 0.005)

    def test_is_not_what_sleeps(self):
        for one in self.spent("\ndef task(): return spent_in(lambda: time.sleep(0.2))", "task"):
            self.assertLess(one["gil"], SELDOM * one["wall"])

    def test_is_not_what_computes_without_the_lock(self):
        source = (
            "\nimport hashlib, zlib"
            "\ndata = os.urandom(4_000_000)"
            "\ndef hashes(): return spent_in(lambda: hashlib.pbkdf2_hmac('sha256', b'x', b'y', 300_000))"
            "\ndef compresses(): return spent_in(lambda: zlib.compress(data))"
        )
        for function in ("hashes", "compresses"):
            with self.subTest(function):
                for one in self.spent(source, function):
                    self.assertLess(one["gil"], SELDOM * one["wall"])

    def test_is_not_waiting_for_locks_of_the_users(self):
        source = """
import queue
condition, lock, items = threading.Condition(), threading.Lock(), queue.Queue()
def waits():
    for _ in range(10):
        with condition: condition.wait(0.01)
        try: items.get(timeout=0.01)
        except queue.Empty: pass
    with lock: time.sleep(0.1)
def task(): return spent_in(waits)
"""
        for one in self.spent(source, "task"):
            self.assertLess(one["gil"], SELDOM * one["wall"])

    def test_is_not_waiting_for_condition_variables_of_c_code(self):
        source = """
import ctypes
libc = ctypes.CDLL(None)
class Time(ctypes.Structure): _fields_ = [("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long)]
def waits():
    condition, mutex, until = ctypes.create_string_buffer(48), ctypes.create_string_buffer(40), Time(1, 0)  # long past
    libc.pthread_mutex_lock(mutex)
    for _ in range(1000): assert libc.pthread_cond_timedwait(condition, mutex, ctypes.byref(until)) == 110
    until = Time(int(time.time()) + 1, 0)
    libc.pthread_cond_timedwait(condition, mutex, ctypes.byref(until))
def task(): return spent_in(waits)
"""
        (one,) = self.spent(source, "task", tasks=1, workers=1)
        self.assertEqual(one["waits"], 0)

    def test_costs_nothing_where_nobody_has_the_lock(self):
        source = "\ndef releases():\n    for _ in range(10_000): time.sleep(0)\ndef task(): return spent_in(releases)"
        (one,) = self.spent(source, "task", tasks=1, workers=1)
        self.assertEqual((one["waits"], one["gil"]), (0, 0))  # the meter has not been called

    def test_is_seen_for_locks_of_other_interpreters_too(self):
        source = """
import _xxsubinterpreters as interpreters
code = '''
import threading, time
def computes():
    end = time.thread_time() + 0.1
    while time.thread_time() < end: sum(i * i for i in range(2000))
threads = [threading.Thread(target=computes) for _ in range(2)]
for thread in threads: thread.start()
for thread in threads: thread.join()
'''
def task():
    before = _fanout.gil_waits()
    interpreters.run_string(interpreters.create(isolated=True), code)
    return [sum(waits[4] for waits in all) for all in (before, _fanout.gil_waits())]
"""
        found = [interpreter for interpreter, version in interpreters.find().items() if version[:2] == (3, 12)]
        if not found:
            self.skipTest("no Python 3.12 here")
        run = self.run_threads(source, "task", tasks=1, workers=1, interpreter=found[0])
        before, after = eval(run.values[0])
        self.assertGreater(after, before + 5)


@needs_extension
class Record(GilTest):
    SHARES = {"gil_s", "gil_switch_s", "gil_runq_s", "gil_waits", "gil_max_wait_s"}

    def test_has_the_shares_of_every_worker(self):
        record = self.run_threads("\ndef task(): computes(0.05)", "task", tasks=6, workers=3).record
        workers = record["workers"]
        self.assertIn(len(workers), (1, 2, 3))  # those that came to run a task
        for worker in workers:
            self.assertLessEqual(self.SHARES, set(worker))
            self.assertLessEqual(worker["gil_s"] + worker["gil_runq_s"], record["wall_s"])
            self.assertLessEqual(worker["gil_switch_s"], worker["gil_s"])
        self.assertGreaterEqual(record["gil"]["waits"], sum(worker["gil_waits"] for worker in workers))
        self.assertGreater(record["gil"]["max_wait_s"], 0)
        self.assertIn("pthread_cond_timedwait", record["gil"]["method"])

    def test_has_them_of_threads_that_have_ended_as_well(self):
        source = """
def task():
    threads = [threading.Thread(target=computes) for _ in range(2)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
"""
        record = self.run_threads(source, "task", tasks=1, workers=1).record
        self.assertGreater(record["gil"]["waits"], 5 + record["workers"][0]["gil_waits"])

    def test_leaves_the_switch_interval_as_the_user_has_set_it(self):
        for microseconds in (1, 2900):
            source = f"\nimport sys\nsys.setswitchinterval({microseconds}.5e-6)\ndef task(): return round(1e6 * sys.getswitchinterval())"
            self.assertEqual(self.run_threads(source, "task", tasks=1).values, [str(microseconds)])

    def test_says_that_nobody_waits_where_there_is_no_lock(self):
        source = "\nimport sys\nsys._is_gil_enabled = lambda: False\ndef task(): pass"  # as a free-threaded build says it
        record = self.run_threads(source, "task").record
        self.assertEqual((record["gil"]["waits"], record["gil"]["wait_s"]), (0, 0))
        self.assertIn("without its lock", record["gil"]["method"])
        self.assertEqual({record["workers"][0][share] for share in self.SHARES}, {0})

    def test_says_why_nothing_is_known_where_the_meter_is_missing(self):
        run = self.run_threads("\ndef task(): return 1", "task", environment={"LD_PRELOAD": None})
        self.assertEqual(run.values, ["1", "1"])
        self.assertEqual(run.record["gil"], {"unavailable": "libfanout_gil.so has not been preloaded into this interpreter"})
        self.assertNotIn("gil_s", run.record["workers"][0])

    def test_says_why_nothing_is_known_where_its_path_cannot_be_preloaded(self):
        copied = shutil.copytree(os.path.dirname(HOST), os.path.join(self.folder, "a place"))
        file = self.file("def task(): return 1")
        run = Run("--model=threads", f"--file={file}", "--function=task", host=os.path.join(copied, "host.py"))
        self.assertEqual(run.values, ["1"])
        self.assertIn("LD_PRELOAD holds no path with a space", run.record["gil"]["unavailable"])

    def test_says_why_nothing_is_known_where_the_system_preloads_nothing(self):
        interpreter = os.path.join(self.folder, "python3")
        shutil.copy("/usr/bin/python3", interpreter)
        try:
            os.chmod(self.folder, 0o755)
            os.chown(interpreter, 65534, -1)
            os.chmod(interpreter, 0o4755)
            subprocess.run([interpreter, "-c", "import os; assert os.geteuid() == 65534"], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            self.skipTest("a set-user-ID interpreter cannot be made here, or does not run")
        run = self.run_threads("\ndef task(): return 1", "task", interpreter=interpreter)
        self.assertEqual(run.values, ["1", "1"])
        self.assertIn("set-user-ID", run.record["gil"]["unavailable"])

    def test_has_nothing_of_it_where_one_thread_has_its_interpreter(self):
        for model in self.under_each_model():
            record = self.run_host(model, self.file("def task(): pass"), "task", environment=PRELOADED).record
            self.assertEqual("gil" in record, model == "threads")


@needs_extension
class Meter(GilTest):
    def test_is_not_inherited_by_what_a_task_starts(self):
        source = """
import subprocess, sys
def task():
    code = "import os; print('libfanout_gil' in open('/proc/self/maps').read(), os.environ.get('LD_PRELOAD'))"
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    return ['libfanout_gil' in open('/proc/self/maps').read(), os.environ.get("LD_PRELOAD"), there]
"""
        for others in (None, "libm.so.6", "libm.so.6:libc.so.6", "libm.so.6 libc.so.6"):
            preload = METER if others is None else f"{METER}:{others}"
            run = self.run_threads(source, "task", tasks=1, environment={"LD_PRELOAD": preload})
            self.assertEqual(eval(run.values[0]), [True, others, f"False {others}\n"])

    def test_begins_anew_in_a_forked_child(self):
        source = """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)
def in_child():
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        before = [waits[1:] for waits in _fanout.gil_waits()]
        threads = [threading.Thread(target=computes, args=(0.05,)) for _ in range(2)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        os.write(writer, repr([before, sum(waits[4] for waits in _fanout.gil_waits())]).encode())
        os._exit(0)
    os.close(writer)
    with open(reader) as end: answer = end.read()
    os.waitpid(child, 0)
    return eval(answer)
def task():
    computes()
    before = _fanout.gil_waits_here()
    return [*in_child(), before, _fanout.gil_waits_here()]
"""
        for value in self.run_threads(source, "task").values:
            in_child_before, waits_in_child, before, after = eval(value)
            self.assertEqual({sum(waits) for waits in in_child_before}, {0})
            self.assertGreater(waits_in_child, 0)
            self.assertGreater(before[4], 0)
            self.assertGreaterEqual(after, before)

    def test_is_right_when_the_user_closes_its_descriptors_and_opens_others(self):
        source = """
files = []
def takes_descriptors():
    for name in os.listdir("/proc/self/fd"):
        try:
            if os.readlink("/proc/self/fd/" + name).endswith("/schedstat"):
                os.close(int(name))
                files.append(open(__file__))
        except OSError: pass  # its thread has ended meanwhile, and closed it
def task():
    threading.Thread(target=computes).start()
    computes(0.05)
    takes_descriptors()
    spent = spent_in(computes)
    return spent, len(files), [file.read(1) for file in files]
"""
        (value,) = self.run_threads(source, "task", tasks=1, workers=1).values
        spent, taken, contents = eval(value)
        self.assertGreater(taken, 0)
        self.assertEqual(contents, ["\n"] * taken)
        self.assertLessEqual(spent["gil"] + spent["gil_runq"] + spent["cpu"], spent["wall"] * 1.05)

    def test_keeps_few_descriptors(self):
        source = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (800, 800))  # of which a quarter may be kept
together = threading.Barrier(300)
def task():
    together.wait()
    computes(0.001)
    if together.wait() == 0:
        files = len(os.listdir("/proc/self/fd"))
        together.wait()
        return files
    together.wait()
"""
        values = self.run_threads(source, "task", tasks=300, workers=300).values
        (files,) = map(int, filter(None, values))
        self.assertLess(files, 250)


@needs_extension
class Trace(GilTest):
    NEITHER, WAITS, HOLDS = range(3)

    def changes(self, source, **how):
        """What who draws the run is told: {thread: [(relation, when)]}, and all of it in the order of time."""
        record = self.run_threads(source, "task", environment={**PRELOADED, "FANOUT_TRACE": "1"}, **how).record
        self.workers = [worker["thread"] for worker in record["trace"]["workers"]]
        of = {}
        for thread, relation, at in record["trace"]["gil"]:
            of.setdefault(thread, []).append((relation, at))
        return of, sorted(record["trace"]["gil"], key=lambda change: change[2])

    def test_has_every_change_of_hands_and_never_two_at_a_time(self):
        for interpreter, version in interpreters.find().items():
            with self.subTest(interpreter=interpreter, version=version):
                of, in_order = self.changes("\ndef task(): computes(0.05)", tasks=4, interpreter=interpreter)
                holder = next(iter(of))  # the first to give it away
                self.assertNotIn(holder, self.workers)
                for thread, relation, _ in in_order:
                    if relation == self.HOLDS:
                        self.assertIsNone(holder)
                        holder = thread
                    elif thread == holder:
                        self.assertEqual(relation, self.NEITHER)
                        holder = None
                for worker in self.workers:
                    self.assertEqual([at for _, at in of[worker]], sorted(at for _, at in of[worker]))
                    self.assertIn(self.HOLDS, [relation for relation, _ in of[worker]])

    def test_has_waits_that_end_with_the_lock(self):
        source = """
both, used = threading.Barrier(2), {}
def task():
    both.wait()
    begin, used[threading.get_ident()] = time.thread_time(), 0
    while len(used) < 2 or min(used.values()) < 0.05:
        sum(i * i for i in range(2000))
        used[threading.get_ident()] = time.thread_time() - begin
"""
        of, _ = self.changes(source)
        for worker in self.workers:
            relations = [relation for relation, _ in of[worker]]
            self.assertIn(self.WAITS, relations)
            for now, then in zip(relations, relations[1:]):
                self.assertNotIn((now, then), {(self.HOLDS, self.HOLDS), (self.HOLDS, self.WAITS), (self.NEITHER, self.NEITHER)})

    def test_is_made_only_for_who_asks(self):
        record = self.run_threads("\ndef task(): return os.environ.get('FANOUT_TRACE')", "task").record
        self.assertNotIn("trace", record)
        asked = self.run_threads("\ndef task(): return os.environ.get('FANOUT_TRACE')", "task", tasks=1,
                                 environment={**PRELOADED, "FANOUT_TRACE": "1"}).record
        self.assertIsNone(asked["tasks"][0]["value"])
        self.assertLessEqual({"started_ns", "workers", "gil", "gil_lost"}, set(asked["trace"]))


if __name__ == "__main__":
    unittest.main()
