// SPDX-License-Identifier: Apache-2.0
// Programs that must not compile, one for each CASE, because they would do something else than they say.
#include <utility>
#include <vector>

#include "fanout/event_loop.hpp"
#include "fanout/gather.hpp"
#include "fanout/serial_executor.hpp"
#include "fanout/sleep.hpp"
#include "fanout/spawn.hpp"
#include "fanout/task.hpp"
#include "fanout/task_group.hpp"
#include "fanout/thread_pool.hpp"
#include "fanout/timeout.hpp"

using namespace std::chrono_literals;
using fanout::task;

task<int> value(int x) { co_return x; }

task<> use(fanout::task_group& group, fanout::thread_pool& pool, int local) {
  [[maybe_unused]] auto lambda = [&local]() -> task<int> { co_return local; };
  [[maybe_unused]] std::vector<int> numbers{1, 2, 3};
#if CASE == 0
  task<int> t = value(1);
  co_await std::move(t);
  co_await value(2);
  co_await lambda();
  co_await fanout::sleep(1s);
  co_await fanout::gather(value(1), lambda());
  co_await fanout::timeout(1s, lambda());
  static_cast<void>(group.spawn(lambda()));
  static_cast<void>(fanout::spawn(lambda()));
  static_cast<void>(pool.submit([local] { return local; }));
  pool.post([&lambda] { static_cast<void>(fanout::spawn(lambda())); });
  pool.for_each([](int& x) { return ++x; }, numbers);
  static_cast<void>(pool.map([](int x) { return x; }, numbers));
#elif CASE == 1
  task<int> t = value(1);
  co_await t;
#elif CASE == 2
  fanout::run(lambda);
#elif CASE == 3
  fanout::event_loop().run(lambda);
#elif CASE == 4
  fanout::serial_executor().run(lambda);
#elif CASE == 5
  pool.run(lambda);
#elif CASE == 6
  fanout::spawn(lambda);
#elif CASE == 7
  co_await fanout::gather(value(1), lambda);
#elif CASE == 8
  co_await fanout::timeout(1s, lambda);
#elif CASE == 9
  group.spawn(lambda);
#elif CASE == 10
  static_cast<void>(pool.submit([local]() -> task<int> { co_return local; }));
#elif CASE == 11
  static_cast<void>(fanout::serial_executor().submit([local]() -> task<int> { co_return local; }));
#elif CASE == 12
  co_await fanout::sleep(1);
#elif CASE == 13
  co_await fanout::sleep(1L);
#elif CASE == 14
  value(1);
#elif CASE == 15
  fanout::spawn(value(1));
#elif CASE == 16
  fanout::gather(value(1), value(2));
#elif CASE == 17
  fanout::future<int> f = fanout::spawn(value(1));
  co_await f;
#elif CASE == 18
  co_await fanout::timeout(1, value(1));
#elif CASE == 19
  task<int> t = value(1);
  co_await fanout::gather(t, value(2));
#elif CASE == 20
  co_await []() -> task<const int&> { co_return 5; }();
#elif CASE == 21
  co_await fanout::with_task_group([](fanout::task_group&) { return 1; });
#elif CASE == 22
  struct alignas(64) wide {
    int x;
  };
  co_await []() -> task<wide> { co_return wide{}; }();
#elif CASE == 23
  static_cast<void>(pool.submit([](fanout::stop_token) -> task<int> { co_return 1; }));
#elif CASE == 24
  pool.post(lambda);
#elif CASE == 25
  fanout::event_loop().post(lambda);
#elif CASE == 26
  fanout::serial_executor().post(lambda);
#elif CASE == 27
  static_cast<void>(pool.map(value, {1, 2}));
#elif CASE == 28
  static_cast<void>(pool.map([&local](fanout::stop_token, int x) -> task<int> { co_return x + local; }, numbers));
#elif CASE == 29
  static_cast<void>(fanout::serial_executor().map(value, numbers));
#elif CASE == 30
  pool.for_each(value, numbers);
#elif CASE == 31
  fanout::serial_executor().for_each([&local](int& x) -> task<> { co_await value(x += local); }, numbers);
#endif
  co_return;
}
