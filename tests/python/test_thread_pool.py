# SPDX-License-Identifier: Apache-2.0
# fanout.thread_pool.
import asyncio
import concurrent.futures
import threading
import unittest

import package  # noqa: F401  (makes fanout importable)

import fanout


class ThreadPool(unittest.TestCase):
    def test_tasks_run_on_threads_of_the_pool(self):
        with fanout.thread_pool(2) as pool:
            both = threading.Barrier(2)

            def meet():
                both.wait(60)
                return threading.get_ident()

            threads = {task.result() for task in [pool.submit(meet), pool.submit(meet)]}
        self.assertEqual(len(threads), 2)
        self.assertNotIn(threading.get_ident(), threads)

    def test_the_interface_is_that_of_concurrent_futures(self):
        with fanout.thread_pool(2) as pool:
            self.assertIsInstance(pool, concurrent.futures.Executor)
            self.assertEqual(list(pool.map(lambda a, b: a + b, range(100), range(100))), list(range(0, 200, 2)))
            futures = [pool.submit(pow, 2, x) for x in range(10)]
            self.assertEqual({f.result() for f in concurrent.futures.as_completed(futures)}, {2**x for x in range(10)})

            async def main():
                return await asyncio.get_running_loop().run_in_executor(pool, pow, 2, 5)

            self.assertEqual(asyncio.run(main()), 32)

    def test_exceptions_are_the_tasks_own(self):
        error = ValueError("mine")

        def fail():
            raise error

        with fanout.thread_pool(1) as pool:
            self.assertIs(pool.submit(fail).exception(), error)

    def test_what_waits_can_be_cancelled(self):
        begun, end = threading.Event(), threading.Event()

        def held():
            begun.set()
            end.wait(60)

        with fanout.thread_pool(1) as pool:
            running = pool.submit(held)
            begun.wait(60)
            waiting = [pool.submit(pow, 2, x) for x in range(5)]
            self.assertTrue(waiting[0].cancel())
            self.assertFalse(running.cancel())
            pool.shutdown(wait=False, cancel_futures=True)
            end.set()
        self.assertTrue(all(task.cancelled() for task in waiting))

    def test_after_shutdown_nothing_is_taken(self):
        pool = fanout.thread_pool(1)
        last = pool.submit(pow, 2, 3)
        pool.shutdown()
        self.assertEqual(last.result(0), 8)
        with self.assertRaisesRegex(RuntimeError, "after shutdown"):
            pool.submit(pow, 2, 3)
        self.assertRaises(ValueError, fanout.thread_pool, 0)


if __name__ == "__main__":
    unittest.main()
