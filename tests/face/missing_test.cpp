// SPDX-License-Identifier: Apache-2.0
// What the public face (DESIGN.md, section 3) promises and this version does not have yet; the command line's part of
// it is in tests/cli/test_missing.py. The test prints the list. When something on it has come to exist it fails, or
// does not compile: then that belongs into face_test.cpp or process_face_test.cpp.
#include <gtest/gtest.h>
#include <fanout/fanout.hpp>

#include <functional>
#include <iostream>
#include <vector>

// Names that <fanout/fanout.hpp> is to declare. Looked up as fanout::spawn, a name is found in here only if fanout
// itself has none: no error below means that none of them exists.
namespace missing {

struct absent {};
inline constexpr absent task_options, shared_buffer, shared_array;

}  // namespace missing

namespace fanout {
using namespace missing;
}

namespace {

struct promised {
  const char* name;
  bool exists;
};

constexpr bool exists(missing::absent) { return false; }

const std::vector<promised> names = {
    {"task_options", exists(fanout::task_options)},
    {"shared_buffer", exists(fanout::shared_buffer)},
    {"shared_array<T>", exists(fanout::shared_array)},
    {"target fanout::cluster", FANOUT_CLUSTER_EXISTS},
};

template <class Pool>
concept has_shutdown = requires(Pool& pool) { pool.shutdown(); };
template <class Pool>
concept has_stats = requires(const Pool& pool) { pool.stats(); };
template <class Pool>
concept takes_task_options =
    requires(Pool& pool) { pool.submit({.timeout = {}, .retries = 1}, std::negate<int>(), 1); };

template <class Options>
concept has_max_tasks_per_worker = requires(Options& options) { options.max_tasks_per_worker; };
template <class Options>
concept has_task_timeout = requires(Options& options) { options.task_timeout; };
template <class Options>
concept has_memory_limit = requires(Options& options) { options.memory_limit; };
template <class Options>
concept has_retries = requires(Options& options) { options.retries; };
template <class Options>
concept has_initializer = requires(Options& options) { options.initializer; };

const std::vector<promised> members = {
    {"process_pool_options::max_tasks_per_worker", has_max_tasks_per_worker<fanout::process_pool_options>},
    {"process_pool_options::task_timeout", has_task_timeout<fanout::process_pool_options>},
    {"process_pool_options::memory_limit", has_memory_limit<fanout::process_pool_options>},
    {"process_pool_options::retries", has_retries<fanout::process_pool_options>},
    {"process_pool_options::initializer", has_initializer<fanout::process_pool_options>},
    {"process_pool::submit(task_options, f, args...)", takes_task_options<fanout::process_pool>},
    {"process_pool::shutdown(mode, deadline)", has_shutdown<fanout::process_pool>},
    {"process_pool::stats()", has_stats<fanout::process_pool>},
};

TEST(Face, WhatIsMissingIsListed) {
  std::cout << "Not there yet:\n";
  for (const auto& list : {names, members}) {
    for (const auto& [name, there] : list) {
      EXPECT_FALSE(there) << name << " exists now: use it in the face tests";
      std::cout << "  " << name << '\n';
    }
  }
}

}  // namespace
