// SPDX-License-Identifier: Apache-2.0
// Five waits of a second on one thread: a second in all.
#include <fanout/fanout.hpp>

#include "tasks.hpp"

using namespace std::chrono_literals;

fanout::task<std::string> fetch_data(int id, fanout::duration delay) {
  std::printf("task %d: starting\n", id);
  co_await fanout::sleep(delay);
  std::printf("task %d: done\n", id);
  co_return "Data " + std::to_string(id);
}

fanout::task<std::vector<std::string>> fetch_all() {
  std::vector<fanout::task<std::string>> tasks;
  for (int id = 0; id < 5; ++id) tasks.push_back(fetch_data(id, 1s));
  co_return co_await fanout::gather(std::move(tasks));
}

int main() {
  const stopwatch watch;
  const auto results = fanout::run(fetch_all());
  for (const auto& data : results) std::printf("%s%c", data.c_str(), &data == &results.back() ? '\n' : ' ');
  watch.print("async");
}
