// SPDX-License-Identifier: Apache-2.0
// The module that foreign_host loads, in the program and in its workers alike.
//
//   foreign_host MODULE forkserver|spawn [threads]   uses a pool, and prints where its workers' modules were loaded
//   foreign_host MODULE worker [threads]             is a worker; with a thread of its own by then
//   foreign_host MODULE no-command                   makes a pool that it has no right to
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "fanout/errors.hpp"
#include "fanout/process_pool.hpp"

namespace {

const pid_t loaded_by = ::getpid();  // a fork of that process has it too

std::string greet(const std::string& name) { return "hello " + name; }

/// Aborts the only worker. Another takes its place.
bool crashes(fanout::process_pool& pool) {
  try {
    pool.submit([] { std::abort(); }).get();
  } catch (const fanout::worker_died&) {
    return true;
  }
  return false;
}

int use_pool(fanout::start_method start, std::vector<std::string> command) {
  fanout::process_pool pool({.workers = 1, .start = start, .worker_command = std::move(command)});
  const auto greetings = pool.map(greet, std::vector<std::string>{"a", "b", "c"}).get();
  if (greetings != std::vector<std::string>{"hello a", "hello b", "hello c"}) return 1;
  const pid_t before = pool.submit([] { return loaded_by; }).get();
  if (!crashes(pool)) return 2;
  const pid_t after = pool.submit([] { return loaded_by; }).get();
  std::puts(before == after ? "one program" : "a program each");
  return 0;
}

int be_worker(int argc, char** argv, bool with_thread) {
  if (with_thread) std::thread([] { ::pause(); }).detach();
  fanout::init(argc, argv);
  return 71;  // not started as a worker
}

}  // namespace

extern "C" __attribute__((visibility("default"))) int run(int argc, char** argv) {
  const std::string what = argc > 2 ? argv[2] : "forkserver";
  const bool threads = argc > 3 && std::strcmp(argv[3], "threads") == 0;
  try {
    if (what == "worker") return be_worker(argc, argv, threads);
    if (what == "no-command") fanout::process_pool without_a_command;
    std::vector<std::string> command = {argv[0], argv[1], "worker"};
    if (threads) command.emplace_back("threads");
    return use_pool(what == "spawn" ? fanout::start_method::spawn : fanout::start_method::forkserver, command);
  } catch (const fanout::error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 72;
  }
}
