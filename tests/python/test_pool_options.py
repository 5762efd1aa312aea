# SPDX-License-Identifier: Apache-2.0
# fanout.process_pool: its limits, its retries, and what its workers begin with.
import os
import signal
import tempfile
import threading
import unittest

import pool_tasks
from package import ProgramTest
from pool_tasks import (
    allocate,
    fail_initializer,
    fail_until_marked,
    kept_value,
    keep,
    kill_worker,
    never_end,
    process_id,
    square,
)

import fanout


class Limits(unittest.TestCase):
    def test_a_task_that_takes_too_long_is_ended_alone(self):
        with fanout.process_pool(1, task_timeout=0.2) as pool:
            late = pool.submit(never_end)
            others = [pool.submit(square, x) for x in range(5)]
            with self.assertRaisesRegex(fanout.TimedOut, "200 ms"):
                late.result()
            self.assertEqual([f.result() for f in others], [0, 1, 4, 9, 16])

    def test_a_time_that_no_clock_shows_is_none(self):
        for longest in (float("inf"), 1e300, threading.TIMEOUT_MAX):
            with fanout.process_pool(1, task_timeout=longest) as pool:
                self.assertEqual(pool.submit(square, 3).result(), 9)

    def test_too_late_is_a_timeout_error(self):
        self.assertTrue(issubclass(fanout.TimedOut, TimeoutError))

    def test_in_a_map_the_time_is_that_of_an_item(self):
        with fanout.process_pool(1, task_timeout=0.5) as pool:
            results = pool.map(pool_tasks.wait_if, [None, None, "for ever", None])
            self.assertEqual([next(results), next(results)], [None, None])
            self.assertRaises(fanout.TimedOut, next, results)

    def test_a_task_with_too_much_memory_is_ended_alone(self):
        with fanout.process_pool(1, memory_limit=200 << 20) as pool:
            large = pool.submit(allocate, 400 << 20)
            small = pool.submit(square, 3)
            with self.assertRaisesRegex(fanout.MemoryLimitExceeded, "200"):
                large.result()
            self.assertEqual(small.result(), 9)

    def test_a_worker_leaves_after_so_many_tasks(self):
        with fanout.process_pool(1, max_tasks_per_worker=2) as pool:
            ids = [pool.submit(process_id).result() for _ in range(6)]
        self.assertEqual(ids[0::2], ids[1::2])
        self.assertEqual(len(set(ids)), 3)

    def test_a_task_whose_worker_died_is_run_again(self):
        with tempfile.TemporaryDirectory() as folder, fanout.process_pool(1, retries=2) as pool:
            self.assertEqual(pool.submit(fail_until_marked, folder, 2).result(), 2)

    def test_but_not_more_often_than_was_said(self):
        with fanout.process_pool(1, retries=2) as pool:
            with self.assertRaises(fanout.WorkerDied) as died:
                pool.submit(kill_worker).result()
            self.assertEqual(died.exception.signal, signal.SIGKILL)

    def test_a_limit_that_is_none_is_refused(self):
        for bad in ({"task_timeout": 0}, {"memory_limit": -1}, {"max_tasks_per_worker": 0}, {"task_timeout": float("nan")},
                    {"workers": 0}, {"max_tasks_per_worker": 2**32}):
            with self.subTest(bad), self.assertRaisesRegex(ValueError, f"{next(iter(bad))} is a number of"):
                fanout.process_pool(**bad)
        with self.assertRaisesRegex(ValueError, "retries is 0 or more, not -1"):
            fanout.process_pool(1, retries=-1)


class Initializer(ProgramTest):
    def test_is_called_in_each_worker_before_its_first_task(self):
        with fanout.process_pool(1, initializer=keep, initargs=(12,), max_tasks_per_worker=1) as pool:
            self.assertEqual([pool.submit(kept_value).result() for _ in range(3)], [12, 12, 12])

    def test_sets_globals_that_tasks_use(self):
        for start in ("forkserver", "fork"):
            with self.subTest(start):
                printed = self.run_program(f"""
                    import fanout
                    from functools import partial

                    model = None

                    def begin(text):
                        global model
                        model = text

                    def use(suffix):
                        return model + suffix

                    with fanout.process_pool(1, start={start!r}, initializer=begin, initargs=("mo",)) as pool:
                        print(pool.submit(use, "del").result(), *pool.map(use, "ab"), pool.submit(partial(use, "p")).result())
                        print(pool.submit(lambda: model).result(), model)
                    """)
                self.assertEqual(printed, "model moa mob mop\nmo None\n")

    def test_takes_large_arguments(self):
        text = "x" * 3_000_000
        files = set(os.listdir("/proc/self/fd"))
        with fanout.process_pool(1, initializer=keep, initargs=(text,)) as pool:
            self.assertEqual(pool.submit(kept_value).result(), text)
        self.assertLessEqual(set(os.listdir("/proc/self/fd")), files)

    def test_is_that_of_its_own_pool(self):
        with fanout.process_pool(1) as other:
            self.assertEqual(other.submit(square, 2).result(), 4)
            for letter in "abc":
                with fanout.process_pool(1, initializer=keep, initargs=(letter * 100_000,)) as pool:
                    self.assertEqual(pool.submit(kept_value).result()[0], letter)

    def test_is_loaded_by_workers_that_start_late(self):
        text = "x" * 100_000
        with fanout.process_pool(1, initializer=keep, initargs=(text,)) as pool:
            self.assertRaises(fanout.WorkerDied, pool.submit(kill_worker).result)
            self.assertEqual(pool.submit(kept_value).result(), text)

    def test_reaches_tasks_in_a_decorator_and_objects_that_are_called(self):
        printed = self.run_program("""
            import fanout

            def begin():
                global model
                model = "m"

            class Use:
                def __call__(self):
                    return model

            with fanout.process_pool(1, initializer=begin) as pool:
                print(pool.submit(Use()).result(), pool.submit(Use().__call__).result())
            """)
        self.assertEqual(printed, "m m\n")

    def test_of_a_fork_needs_no_pickle(self):
        printed = self.run_program("""
            import threading
            import fanout

            lock = threading.Lock()

            def begin(held):
                global same
                same = held is lock

            def is_same():
                return same

            with fanout.process_pool(1, start="fork", initializer=begin, initargs=(lock,)) as pool:
                print(pool.submit(is_same).result())
            """)
        self.assertEqual(printed, "True\n")

    def test_that_fails_breaks_the_pool_and_says_why(self):
        with fanout.process_pool(1, initializer=fail_initializer) as pool:
            with self.assertRaisesRegex(fanout.PoolBroken, "initializer.*no licence"):
                pool.submit(square, 3).result()

    def test_that_ends_its_worker_breaks_the_pool(self):
        with fanout.process_pool(1, initializer=kill_worker) as pool:
            with self.assertRaisesRegex(fanout.PoolBroken, "initializer"):
                pool.submit(square, 3).result()

    def test_is_something_to_call(self):
        with self.assertRaisesRegex(TypeError, "something to call, not 3"):
            fanout.process_pool(1, initializer=3)


if __name__ == "__main__":
    unittest.main()
