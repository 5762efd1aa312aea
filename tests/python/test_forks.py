# SPDX-License-Identifier: Apache-2.0
# fanout.process_pool(start="fork"): workers that are forks of the program. They have what it had when the pool was made.
import unittest

from package import ProgramTest

WITHOUT_CLOUDPICKLE = "import sys; sys.modules['cloudpickle'] = None\n"


class Forks(ProgramTest):
    def run_forks(self, source):
        """What the program prints, in which nothing can travel by value."""
        return self.run_program(WITHOUT_CLOUDPICKLE + source)

    def test_have_the_programs_classes_also_in_what_goes_by_value(self):
        printed = self.run_program("""
import fanout

class Point:
    pass

def is_point(value):
    return isinstance(value, Point)

with fanout.process_pool(1, start="fork") as pool:
    print(pool.submit(lambda p: (isinstance(p, Point), is_point(p)), Point()).result())
""")
        self.assertEqual(printed, "(True, True)\n")

    def test_find_what_main_has_by_name(self):
        printed = self.run_forks("""
import fanout

class Point:
    def __init__(self, x):
        self.x = x

class Broken(Exception):
    pass

def double(point):
    if point.x < 0:
        raise Broken(point.x)
    return Point(2 * point.x)

cannot_be_pickled = (x for x in range(7, 9))

with fanout.process_pool(2, start="fork") as pool:
    result = pool.submit(double, Point(21)).result()
    print(result.x, type(result) is Point, [point.x for point in pool.map(double, [Point(1), Point(2)])])
    try:
        pool.submit(double, point=Point(-1)).result()
    except Broken as error:
        print("Broken", error)

def first():
    return next(cannot_be_pickled)

with fanout.process_pool(1, start="fork") as pool:
    print(pool.submit(first).result(), pool.submit(first).result(), next(cannot_be_pickled))
""")
        self.assertEqual(printed, "42 True [2, 4]\nBroken -1\n7 8 7\n")

    def test_are_not_sent_by_name_what_main_got_later(self):
        printed = self.run_forks("""
import fanout

def f():
    return "then"

with fanout.process_pool(1, start="fork") as pool:
    print(pool.submit(f).result())

    def f():
        return "now"

    try:
        print(pool.submit(f).result())
    except Exception as error:
        print(type(error).__name__)
""")
        self.assertEqual(printed, "then\nPicklingError\n")

    def test_have_the_files_that_were_open(self):
        printed = self.run_forks("""
import fanout, tempfile

log = tempfile.TemporaryFile("w+", buffering=1)

def note(x):
    print(x, file=log)

with fanout.process_pool(2, start="fork") as pool:
    list(pool.map(note, range(3), chunksize=1))
log.seek(0)
print(sorted(log.read().split()))
""")
        self.assertEqual(printed, "['0', '1', '2']\n")

    def test_do_at_signals_what_the_program_did(self):
        printed = self.run_forks("""
import fanout, os, signal

caught = []
signal.signal(signal.SIGUSR1, lambda *_: caught.append("own"))

def signalled():
    os.kill(os.getpid(), signal.SIGUSR1)
    try:
        os.kill(os.getpid(), signal.SIGINT)
        while True:
            pass
    except KeyboardInterrupt:
        caught.append("interrupted")
    reading, writing = os.pipe()
    os.close(reading)
    try:
        os.write(writing, b"x")
    except BrokenPipeError:
        caught.append("no SIGPIPE")
    return caught

with fanout.process_pool(1, start="fork") as pool:
    print(pool.submit(signalled).result(), caught)
""")
        self.assertEqual(printed, "['own', 'interrupted', 'no SIGPIPE'] []\n")

    def test_leave_what_the_program_has_to_print_and_to_do_at_its_end_to_it(self):
        printed = self.run_forks("""
import atexit, fanout, sys

atexit.register(print, "the program leaves")
sys.stdout.write("not yet written, ")

def prepare():
    atexit.register(print, "a worker leaves")

with fanout.process_pool(1, start="fork") as pool:
    pool.submit(prepare).result()
""")
        self.assertEqual(printed, "not yet written, a worker leaves\nthe program leaves\n")

    def test_fail_their_tasks_alone(self):
        printed = self.run_forks("""
import fanout, os, signal

def ends(how):
    if how == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "exits":
        os._exit(3)
    return how

with fanout.process_pool(2, start="fork") as pool:
    for task in [pool.submit(ends, how) for how in ("well", "killed", "well", "exits", "well")]:
        try:
            print(task.result())
        except fanout.WorkerDied as error:
            print(error.signal, error.exit_code)
""")
        self.assertEqual(printed, "well\n9 0\nwell\n0 3\nwell\n")

    def test_are_refused_beside_other_threads_and_not_after_them(self):
        printed = self.run_forks("""
import fanout, threading

go = threading.Event()
thread = threading.Thread(target=go.wait)
thread.start()
try:
    fanout.process_pool(1, start="fork")
except RuntimeError as error:
    print(error)
go.set()
thread.join()
with fanout.process_pool(1, start="fork") as pool:
    print(pool.submit(pow, 2, 3).result())
try:
    fanout.process_pool(1, start="spoon")
except ValueError as error:
    print(error)
""")
        refused, *others = printed.splitlines()
        self.assertRegex(refused, "^the start method fork needs a program without other threads, but this one has 2 .*forkserver$")
        self.assertEqual(others, ["8", "start is 'forkserver' or 'fork', not 'spoon'"])

    def test_may_have_forks_themselves(self):
        printed = self.run_forks("""
import fanout, os

def inner(x):
    return x + 1, os.getppid()

def outer(x):
    with fanout.process_pool(1, start="fork") as pool:
        y, nanny = pool.submit(inner, x).result()
    return y, nanny != os.getpid(), pool.workers

with fanout.process_pool(1, start="fork") as pool:
    print(pool.submit(outer, 1).result(), pool.submit(outer, 2).result())
""")
        self.assertEqual(printed, "(2, True, 1) (3, True, 1)\n")


if __name__ == "__main__":
    unittest.main()
