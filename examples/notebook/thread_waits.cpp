// SPDX-License-Identifier: Apache-2.0
// Five waits of a second on five threads: a second too, and every line comes out whole.
#include <fanout/fanout.hpp>
#include <thread>

#include "tasks.hpp"

using namespace std::chrono_literals;

std::string fetch_data(int id, fanout::duration delay) {
  std::printf("task %d: starting\n", id);
  std::this_thread::sleep_for(delay);
  std::printf("task %d: done\n", id);
  return "Data " + std::to_string(id);
}

int main() {
  const stopwatch watch;
  fanout::thread_pool pool(5);
  std::vector<fanout::future<std::string>> futures;
  for (int id = 0; id < 5; ++id) futures.push_back(pool.submit(fetch_data, id, 1s));
  for (auto&& done : fanout::as_completed(std::move(futures))) std::printf("%s\n", done.get().c_str());
  watch.print("threads");
}
