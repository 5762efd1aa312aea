// SPDX-License-Identifier: Apache-2.0
// A program that uses an installed fanout: its headers need nothing that was not installed, its library links, and
// process pools work with no line about workers in main or in the build.
#include <cstdio>
#include <cstdlib>
#include <fanout/fanout.hpp>
#include <string>
#include <vector>

namespace {

fanout::task<int> after_a_moment(int value) {
  co_await fanout::sleep(std::chrono::milliseconds(1));
  co_return value;
}

fanout::task<int> sum() {
  auto [a, b] = co_await fanout::gather(after_a_moment(40), after_a_moment(2));
  co_return a + b;
}

int square(int x) { return x * x; }

bool coroutines_work() { return fanout::run(sum()) == 42; }

bool threads_work() {
  fanout::thread_pool pool;
  return pool.submit(square, 3).get() == 9 && pool.map(square, std::vector{1, 2}).get() == std::vector{1, 4};
}

bool processes_work() {
  fanout::process_pool pool(2);
  auto text = pool.submit([](const std::string& name) { return "hello " + name; }, std::string("there"));
  return text.get() == "hello there" && pool.map(square, std::vector{1, 2, 3}).get() == std::vector{1, 4, 9};
}

bool a_crash_fails_alone() {
  fanout::process_pool pool(2);
  auto crash = pool.submit([] { std::abort(); });
  auto well = pool.submit(square, 5);
  try {
    crash.get();
  } catch (const fanout::worker_died&) {
    return well.get() == 25 && pool.submit(square, 6).get() == 36;
  }
  return false;
}

}  // namespace

int main() {
  if (!coroutines_work()) return 1;
  if (!threads_work()) return 2;
  if (!processes_work()) return 3;
  if (!a_crash_fails_alone()) return 4;
  std::puts("fanout works from an installed package");
}
