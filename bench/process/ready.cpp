// SPDX-License-Identifier: Apache-2.0
// How long until a pool of two is ready: from before it is made until both of its workers have answered a task. Beside
// what the system needs for a process that does nothing: a fork of this one, and this program started anew.
#include <benchmark/benchmark.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "contest.hpp"
#include "fanout/fanout.hpp"
#include "slate.hpp"

namespace {

bool ended_well(pid_t child) {
  int status = 0;
  return child > 0 && ::waitpid(child, &status, 0) == child && status == 0;
}

bool fork_and_exit() {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  return ended_well(child);
}

bool spawn_self() {
  std::string name = "process_bench", exit = "--exit";
  const std::array<char*, 3> arguments{name.data(), exit.data(), nullptr};
  pid_t child = -1;
  return ::posix_spawn(&child, "/proc/self/exe", nullptr, nullptr, arguments.data(), environ) == 0 && ended_well(child);
}

/// The pool's end is not measured.
contestant pool_of_two(std::string name, fanout::start_method start) {
  return {std::move(name), [start](const row& r, samples& times) {
            const slate s;
            pid_t first = 0, second = 0;
            for (std::size_t i = 0; i < r.trips; ++i) {
              s.wipe();
              std::optional<fanout::process_pool> pool;
              const double time = microseconds([&] {
                pool.emplace(fanout::process_pool_options{.workers = 2, .start = start});
                auto one = pool->submit(meet, s.name(), 2UZ), other = pool->submit(meet, s.name(), 2UZ);
                first = one.get();
                second = other.get();
              });
              if (i >= r.unmeasured) times.add(time);
              if (first == 0 || second == 0 || first == second) return false;
            }
            return true;
          }};
}

/// The same beside another pool, which has whatever pools share.
contestant second_pool_of_two(std::string name, fanout::start_method start) {
  contestant alone = pool_of_two(std::move(name), start);
  alone.go = [go = std::move(alone.go), start](const row& r, samples& times) {
    fanout::process_pool first({.workers = 1, .start = start});
    return first.submit([] { return 1; }).get() == 1 && go(r, times);
  };
  return alone;
}

void ready(benchmark::State& state) {
  using enum fanout::start_method;
  contest c(state, {measured("raw_fork", fork_and_exit), measured("raw_spawn", spawn_self), pool_of_two("fork", fork),
                    pool_of_two("forkserver", forkserver), second_pool_of_two("forkserver_again", forkserver),
                    pool_of_two("spawn", spawn), second_pool_of_two("spawn_again", spawn)});
  c.round({.unmeasured = 2, .trips = 2});
  for (auto _ : state) c.round({});
  c.report();
}
// The time of an iteration says nothing, the counters do.
BENCHMARK(ready)->Iterations(30)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
