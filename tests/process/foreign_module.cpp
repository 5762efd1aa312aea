// SPDX-License-Identifier: Apache-2.0
// The module that foreign_host loads, in the program and in its workers alike.
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "fanout/errors.hpp"
#include "fanout/process_pool.hpp"

namespace {

std::string greet(const std::string& name) { return "hello " + name; }

int use_pool(const char* program, const char* module) {
  fanout::process_pool_options options;
  options.workers = 2;
  options.worker_command = {program, module, "worker"};
  fanout::process_pool pool(options);
  std::vector<std::string> names{"a", "b", "c"};
  const auto greetings = pool.map(greet, names).get();
  try {
    pool.submit([] { std::abort(); }).get();
  } catch (const fanout::worker_died&) {
    return greetings == std::vector<std::string>{"hello a", "hello b", "hello c"} ? 0 : 1;
  }
  return 2;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) int run(int argc, char** argv) {
  try {
    if (argc > 2 && std::strcmp(argv[2], "worker") == 0) {
      fanout::init(argc, argv);
      return 71;  // not started as a worker
    }
    if (argc > 2) fanout::process_pool without_a_command;
    return use_pool(argv[0], argv[1]);
  } catch (const fanout::error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 72;
  }
}
