// SPDX-License-Identifier: Apache-2.0
// A program with a process pool, for tests in which the whole program ends. Its main has no line about workers.
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "fanout/errors.hpp"
#include "fanout/process_pool.hpp"

namespace {

fanout::start_method method(const std::string& name) {
  return name == "spawn"  ? fanout::start_method::spawn
         : name == "fork" ? fanout::start_method::fork
                          : fanout::start_method::forkserver;
}

void say_ready() {
  std::puts("ready");
  std::fflush(stdout);
}

[[noreturn]] void for_ever() {
  for (;;) ::pause();
}

/// Each worker loops, and has a child of its own.
void make_busy(fanout::process_pool& pool) {
  const auto work = [](int) {
    if (::fork() == 0) for_ever();
    for (volatile bool on = true; on;) {
    }
  };
  static_cast<void>(pool.map(work, std::vector<int>(pool.workers()), {.chunk = 1}));
}

int end_with_live_pool(const std::string& how) {
  if (how == "exit") std::exit(21);
  if (how == "_exit") ::_exit(22);
  if (how == "quick_exit") std::quick_exit(23);
  if (how == "abort") std::abort();
  if (how == "throw") throw std::runtime_error("nobody catches this");
  return 24;
}

/// Three pools, each in a task of the one before; says so when the last one runs something.
void nest(int depth, fanout::start_method start, const std::string& begun) {
  if (depth == 0) {
    std::ofstream(begun).flush();
    for_ever();
  }
  fanout::process_pool pool({.workers = 1, .start = start});
  pool.submit(nest, depth - 1, start, begun).get();
}

void wait_for(const std::string& file) {
  while (!std::filesystem::exists(file)) ::usleep(1000);
}

/// Stops itself while it has two tasks: one that ends meanwhile, and one whose time ends. Prints what becomes of them.
int stop_with_tasks(fanout::process_pool& pool, const std::string& file) {
  constexpr auto limit = std::chrono::seconds(2);
  auto in_time = pool.submit(
      {.timeout = limit},
      [](const std::string& f) {
        std::ofstream(f + ".begun").flush();
        wait_for(f);
        std::ofstream(f + ".ended").flush();
        return 7;
      },
      file);
  wait_for(file + ".begun");
  auto late = pool.submit({.timeout = limit}, [] { for_ever(); });
  ::raise(SIGSTOP);
  std::printf("%d", in_time.get());
  try {
    late.get();
  } catch (const fanout::timed_out&) {
    std::printf(" timed out");
  }
  std::printf(" %d", pool.submit([] { return 8; }).get());
  return 0;
}

/// Prints without flushing, before and in the pool.
int print(fanout::process_pool_options options) {
  std::fputs("abc", stdout);
  fanout::process_pool pool(std::move(options));
  pool.submit([] { std::fputs("def", stdout); }).get();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const std::string what = argv[1];
  fanout::process_pool_options options;
  options.workers = 2;
  options.start = method(argv[2]);
  if (what == "print") return print(options);
  if (what == "nested") nest(3, options.start, argv[3]);
  if (what == "start") say_ready();  // and may be killed from now on
  static auto* const pool = new fanout::process_pool(options);
  if (what == "end") {
    pool->submit([] {}).get();
    return end_with_live_pool(argv[3]);
  }
  if (what == "stop") {
    const int status = stop_with_tasks(*pool, argv[3]);
    delete pool;
    return status;
  }
  if (what == "busy") make_busy(*pool);
  if (what == "forked" && ::fork() == 0) for_ever();
  if (what != "busy") pool->submit([] {}).get();
  if (what != "start") say_ready();
  for_ever();
}
