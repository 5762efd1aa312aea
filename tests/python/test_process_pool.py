# SPDX-License-Identifier: Apache-2.0
# fanout.process_pool, inside of a program that lives on.
import asyncio
import concurrent.futures
import functools
import math
import os
import pickle
import signal
import sys
import tempfile
import threading
import unittest

import package  # noqa: F401  (makes fanout importable)

import fanout
from pool_tasks import (
    Counter,
    add,
    add_only_here,
    close_stdout,
    crash_worker,
    echo,
    exit_worker,
    fail_at,
    keep,
    kept_value,
    kill_worker,
    make_lock,
    process_id,
    raise_two_arguments,
    raise_unpicklable,
    square,
    stop_iteration,
    wait_for_writer,
)

try:
    import numpy
except ImportError:
    numpy = None


def open_files():
    return sorted(os.listdir("/proc/self/fd"))


def children():
    with open(f"/proc/self/task/{os.getpid()}/children") as listed:
        return listed.read().split()


class ProcessPool(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.pool = fanout.process_pool(2)
        cls.addClassCleanup(cls.pool.shutdown)

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.fifo = os.path.join(folder.name, "fifo")
        os.mkfifo(self.fifo)

    def submit_held(self, pool):
        """A task that has begun, and what ends it when it is closed."""
        task = pool.submit(wait_for_writer, self.fifo)
        return task, open(self.fifo, "w")

    def test_tasks_run_in_other_processes(self):
        self.assertNotEqual(self.pool.submit(process_id).result(), os.getpid())

    def test_positional_and_named_arguments_arrive(self):
        self.assertEqual(self.pool.submit(add, 1, b=2).result(), 3)
        self.assertEqual(self.pool.submit(add, [1], [2]).result(), [1, 2])

    def test_the_interface_is_that_of_concurrent_futures(self):
        self.assertIsInstance(self.pool, concurrent.futures.Executor)
        futures = [self.pool.submit(square, x) for x in range(20)]
        self.assertEqual({f.result() for f in concurrent.futures.as_completed(futures)}, {x * x for x in range(20)})
        done, waiting = concurrent.futures.wait([self.pool.submit(square, x) for x in range(20)])
        self.assertEqual((len(done), len(waiting)), (20, 0))

    def test_first_completed_is_told_while_another_still_runs(self):
        with fanout.process_pool(2) as pool:
            held, end = self.submit_held(pool)
            quick = pool.submit(square, 3)
            done, waiting = concurrent.futures.wait([held, quick], return_when=concurrent.futures.FIRST_COMPLETED)
            self.assertEqual((done, waiting), ({quick}, {held}))
            end.close()

    def test_asyncio_awaits_its_futures(self):
        async def main():
            loop = asyncio.get_running_loop()
            both = [loop.run_in_executor(self.pool, square, 5), asyncio.wrap_future(self.pool.submit(square, 6))]
            return await asyncio.gather(*both)

        self.assertEqual(asyncio.run(main()), [25, 36])

    def test_callbacks_are_called_without_anybody_asking(self):
        called = threading.Event()
        future = self.pool.submit(square, 3)
        future.add_done_callback(lambda f: called.set())
        self.assertTrue(called.wait(60))
        self.assertEqual(future.result(), 9)

    def test_a_callback_may_ask_for_other_results(self):
        results = []
        called = threading.Event()

        def ask(_):
            results.append(self.pool.submit(square, 4).result())
            called.set()

        self.pool.submit(square, 3).add_done_callback(ask)
        self.assertTrue(called.wait(60))
        self.assertEqual(results, [16])

    def test_done_becomes_true_without_a_result_being_asked_for(self):
        with fanout.process_pool(1) as pool:
            future = pool.submit(square, 3)
            package.wait_until(future.done, "the task's end")
            self.assertEqual(future.result(0), 9)

    def test_several_threads_may_ask_at_once(self):
        with fanout.process_pool(2) as pool, concurrent.futures.ThreadPoolExecutor(8) as threads:
            self.assertEqual(list(threads.map(lambda x: pool.submit(square, x).result(), range(200))), [x * x for x in range(200)])

    def test_a_time_out_ends_the_wait_and_not_the_task(self):
        with fanout.process_pool(1) as pool:
            held, end = self.submit_held(pool)
            with self.assertRaises(TimeoutError):
                held.result(timeout=0.001)
            self.assertFalse(held.done())
            end.write("over")
            end.close()
            self.assertEqual(held.result(), "over")

    def test_what_has_not_begun_can_be_cancelled_and_what_runs_cannot(self):
        with fanout.process_pool(1) as pool:
            held, end = self.submit_held(pool)
            queued = pool.submit(square, 3)
            self.assertFalse(held.cancel())
            self.assertTrue(queued.cancel())
            self.assertTrue(queued.cancelled() and queued.done())
            end.close()
            self.assertEqual(held.result(), "")
            with self.assertRaises(concurrent.futures.CancelledError):
                queued.result()

    def test_shutdown_can_cancel_what_has_not_begun(self):
        pool = fanout.process_pool(1)
        held, end = self.submit_held(pool)
        queued = [pool.submit(square, x) for x in range(10)]
        pool.shutdown(wait=False, cancel_futures=True)
        end.close()
        pool.shutdown()
        self.assertEqual(held.result(), "")
        self.assertTrue(all(future.cancelled() for future in queued))

    def test_after_shutdown_nothing_is_taken(self):
        pool = fanout.process_pool(1)
        last = pool.submit(square, 3)
        pool.shutdown()
        self.assertEqual(last.result(), 9)
        for refused in (lambda: pool.submit(square, 3), lambda: pool.map(square, [3])):
            with self.assertRaisesRegex(RuntimeError, "after shutdown"):
                refused()

    def test_exceptions_come_back_as_they_are_with_the_traceback_as_their_cause(self):
        future = self.pool.submit(fail_at, 3, 3)
        with self.assertRaisesRegex(ValueError, "not 3") as raised:
            future.result()
        cause = str(raised.exception.__cause__)
        self.assertIn("in fail_at", cause)
        self.assertIn('raise ValueError(f"not {x}")', cause)
        self.assertNotIn("_wire.py", cause)
        self.assertIs(future.exception(), raised.exception)

    def test_exceptions_of_a_type_that_only_the_worker_has_are_told_of(self):
        with self.assertRaisesRegex(fanout.RemoteError, "Odd: it is odd") as raised:
            self.pool.submit(add_only_here).result()
        self.assertIn("add_only_here", str(raised.exception.__cause__))

    def test_a_task_may_close_its_standard_output(self):
        with fanout.process_pool(1) as pool:
            self.assertEqual(pool.submit(close_stdout).result(), "closed")
            self.assertEqual(pool.submit(square, 3).result(), 9)

    def test_a_map_of_nothing_is_empty(self):
        self.assertEqual([*self.pool.map(square), *self.pool.map(square, []), *self.pool.map(add, [], [1])], [])

    def test_exceptions_that_cannot_be_sent_are_told_of(self):
        for function, name, text in ((raise_two_arguments, "TwoArguments", "1 and 2"), (raise_unpicklable, "ValueError", "with a lock")):
            with self.subTest(name), self.assertRaisesRegex(fanout.RemoteError, f"{name}: {text}") as raised:
                self.pool.submit(function).result()
            self.assertEqual(raised.exception.type_name, name)

    def test_arguments_and_results_that_cannot_be_sent_fail_with_the_reason(self):
        with self.assertRaisesRegex(TypeError, "lock"):
            self.pool.submit(echo, threading.Lock())
        with self.assertRaisesRegex(TypeError, "lock"):
            self.pool.submit(make_lock).result()
        self.assertEqual(self.pool.submit(square, 2).result(), 4)

    def test_a_killed_worker_fails_its_task_alone(self):
        with fanout.process_pool(2) as pool:
            tasks = [pool.submit(kill_worker if number == 50 else square, number) for number in range(100)]
            with self.assertRaisesRegex(fanout.WorkerDied, "SIGKILL") as raised:
                tasks[50].result()
            self.assertEqual(raised.exception.signal, signal.SIGKILL)
            self.assertEqual([task.result() for task in tasks if task is not tasks[50]], [x * x for x in range(100) if x != 50])

    def test_a_worker_that_crashes_or_exits_is_told_of(self):
        with self.assertRaisesRegex(fanout.WorkerDied, "SIGSEGV"):
            self.pool.submit(crash_worker).result()
        with self.assertRaises(fanout.WorkerDied) as raised:
            self.pool.submit(exit_worker, 7).result()
        self.assertEqual((raised.exception.signal, raised.exception.exit_code), (0, 7))

    def test_map_gives_results_in_the_order_of_its_inputs(self):
        for chunksize in (None, 1, 7, 10_000):
            with self.subTest(chunksize=chunksize):
                self.assertEqual(list(self.pool.map(square, range(1000), chunksize=chunksize)), [x * x for x in range(1000)])
        self.assertEqual(list(self.pool.map(square, (x for x in range(10)))), [x * x for x in range(10)])
        self.assertEqual(list(self.pool.map(square, [])), [])

    def test_map_takes_several_inputs_as_far_as_the_shortest(self):
        self.assertEqual(list(self.pool.map(add, [1, 2, 3], [10, 20])), [11, 22])
        self.assertEqual(list(self.pool.map(math.pow, range(100), [2] * 100, chunksize=9)), [float(x * x) for x in range(100)])

    def test_map_gives_what_comes_before_an_error_and_then_the_error(self):
        for chunksize in (None, 1, 50):
            with self.subTest(chunksize=chunksize):
                results, taken = self.pool.map(functools.partial(fail_at, 30), range(100), chunksize=chunksize), []
                with self.assertRaisesRegex(ValueError, "not 30"):
                    taken.extend(results)
                self.assertEqual(taken, list(range(30)))

    def test_map_does_not_take_a_stop_iteration_for_its_end(self):
        with self.assertRaisesRegex(RuntimeError, "StopIteration"):
            list(self.pool.map(stop_iteration, range(3)))

    def test_map_ends_with_the_worker_that_dies(self):
        with self.assertRaisesRegex(fanout.WorkerDied, "SIGKILL"):
            list(self.pool.map(kill_worker, range(4), chunksize=1))
        self.assertEqual(list(self.pool.map(square, range(4))), [0, 1, 4, 9])

    def test_map_times_out(self):
        with fanout.process_pool(1) as pool:
            results = pool.map(wait_for_writer, [self.fifo], timeout=0.001)
            with self.assertRaises(TimeoutError):
                next(results)
            open(self.fifo, "w").close()

    def test_lambdas_and_closures_travel_by_value(self):
        base = 100
        self.assertEqual(self.pool.submit(lambda x: x + base, 1).result(), 101)
        self.assertEqual(list(self.pool.map(lambda x: [x, base], range(3))), [[0, 100], [1, 100], [2, 100]])

    def test_a_callable_with_a_state_is_sent_as_it_is_each_time(self):
        counter = Counter()
        self.assertEqual([self.pool.submit(counter).result() for _ in range(3)], [1, 1, 1])
        counter.calls = 10
        self.assertEqual(self.pool.submit(counter).result(), 11)

    def test_values_of_all_kinds_come_back_equal(self):
        values = [None, True, -(10**400), 0.1, float("inf"), 1j, "text \ud800", "__main__", b"", b"x" * 100, bytearray(b"y"), (), [1, [2.5]],
                  {"a": {1, 2}}, frozenset((1,)), ValueError("v"), range(3), print, square, Counter]
        for value in values:
            with self.subTest(repr(value)[:40]):
                came_back = self.pool.submit(echo, value).result()
                self.assertIs(type(came_back), type(value))
                self.assertEqual(repr(came_back), repr(value))

    def test_large_bytes_come_back_equal(self):
        for value in (os.urandom(3_000_000), bytearray(os.urandom(300_000)), [os.urandom(200_000)], {"key": os.urandom(100_000)}):
            with self.subTest(type(value)):
                came_back = self.pool.submit(echo, value).result()
                self.assertIs(type(came_back), type(value))
                self.assertEqual(came_back, value)
        blocks = [os.urandom(70_000) for _ in range(5)]
        self.assertEqual(list(self.pool.map(echo, blocks)), blocks)

    @unittest.skipIf(numpy is None, "this Python has no numpy")
    def test_arrays_come_back_equal_and_may_be_written_to(self):
        for array in (numpy.arange(10), numpy.arange(200_000.0), numpy.asfortranarray(numpy.ones((300, 400))), numpy.ones((600, 600))[::2, ::3]):
            with self.subTest(array.shape):
                came_back = self.pool.submit(echo, array).result()
                numpy.testing.assert_array_equal(came_back, array)
                came_back[0] = 7

    @unittest.skipIf(numpy is None, "this Python has no numpy")
    def test_a_task_may_keep_an_array_beyond_its_end(self):
        with fanout.process_pool(1) as pool:
            kept = numpy.arange(200_000)
            pool.submit(keep, kept).result()
            for _ in range(5):
                pool.submit(echo, numpy.zeros(200_000, dtype=kept.dtype)).result()
            numpy.testing.assert_array_equal(pool.submit(kept_value).result(), kept)

    def test_a_pool_of_default_size_has_a_worker_for_each_cpu(self):
        with fanout.process_pool() as pool:
            self.assertGreaterEqual(pool.workers, 1)
            self.assertLessEqual(pool.workers, os.cpu_count())
        with self.assertRaises(ValueError):
            fanout.process_pool(0)



class End(unittest.TestCase):
    def test_nothing_is_left_of_a_pool(self):
        fanout.process_pool(1).shutdown()
        gone_before = children()
        files, threads = open_files(), threading.active_count()
        with fanout.process_pool(2) as pool:
            pids = {pool.submit(process_id).result() for _ in range(10)}
            concurrent.futures.wait([pool.submit(square, 3)])
        self.assertEqual(children(), gone_before)
        self.assertEqual(open_files(), files)
        self.assertEqual(threading.active_count(), threads)
        self.assertFalse(any(os.path.exists(f"/proc/{pid}") for pid in pids))

    def test_a_pool_ends_while_a_fork_of_the_program_lives_on(self):
        pool = fanout.process_pool(1)
        self.assertEqual(pool.submit(square, 2).result(), 4)
        reading, writing = os.pipe()
        child = os.fork()  # as multiprocessing makes them: it has all descriptors
        if child == 0:
            os.close(writing)
            os.read(reading, 1)
            os._exit(0)
        pool.shutdown()
        os.close(writing)
        os.close(reading)
        self.assertEqual(os.waitpid(child, 0)[1], 0)

    def test_a_pool_that_nobody_holds_any_more_is_gone(self):
        pid = fanout.process_pool(1).submit(process_id).result()
        self.assertFalse(os.path.exists(f"/proc/{pid}"))

    def test_a_fork_of_the_program_may_end_as_it_likes(self):
        pool = fanout.process_pool(1)
        self.assertEqual(pool.submit(square, 2).result(), 4)
        child = os.fork()
        if child == 0:
            del pool
            os._exit(0)
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        self.assertEqual(pool.submit(square, 3).result(), 9)
        pool.shutdown()

    def test_workers_find_what_the_program_has_added_to_its_path(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "only_here.py"), "w") as file:
                file.write("def f():\n    return 'found'\n")
            sys.path.append(folder)
            try:
                import only_here

                with fanout.process_pool(1) as pool:
                    self.assertEqual(pool.submit(only_here.f).result(), "found")
            finally:
                sys.path.remove(folder)
                del sys.modules["only_here"]

    def test_errors_of_the_package_can_be_pickled(self):
        died = pickle.loads(pickle.dumps(fanout.WorkerDied("worker 5 died", 9, 0, 5)))
        self.assertEqual((str(died), died.signal, died.pid), ("worker 5 died", 9, 5))
        self.assertEqual(str(pickle.loads(pickle.dumps(fanout.RemoteError("T", "x")))), "T: x")


if __name__ == "__main__":
    unittest.main()
