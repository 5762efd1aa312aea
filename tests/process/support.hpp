// SPDX-License-Identifier: Apache-2.0
// What every specification of the process pool checks when it is over: nothing stays behind.
#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <filesystem>
#include <fstream>
#include <ostream>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "fanout/process_pool.hpp"

namespace fanout {

inline void PrintTo(start_method method, std::ostream* out) {
  constexpr const char* names[] = {"forkserver", "spawn", "fork"};
  *out << names[static_cast<int>(method)];
}

}  // namespace fanout

namespace fanout_test {

inline std::set<std::string> names_in(const std::filesystem::path& directory) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) names.insert(entry.path().filename());
  return names;
}

/// Children of a process, zombies included.
inline std::vector<pid_t> children_of(const std::string& process) {
  std::vector<pid_t> children;
  std::error_code ended;
  for (const auto& task : std::filesystem::directory_iterator("/proc/" + process + "/task", ended)) {
    std::ifstream list(task.path() / "children");
    for (pid_t pid; list >> pid;) children.push_back(pid);
  }
  return children;
}

inline std::vector<pid_t> descendants_of(pid_t process) {
  std::vector<pid_t> all = children_of(std::to_string(process));
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (const pid_t pid : children_of(std::to_string(all[i]))) all.push_back(pid);
  }
  return all;
}

/// Still in the process table, other than as a zombie that only its parent can remove?
inline bool runs(pid_t pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  if (!std::getline(stat, line)) return false;
  const auto at = line.rfind(") ");
  return at != std::string::npos && line[at + 2] != 'Z' && line[at + 2] != 'X';
}

/// Waits for something another process does, which sends no event; false after a time that no healthy run needs.
template <class Condition>
bool eventually(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

/// Compares the process before and after: children, descriptors, shared memory.
class clean_process_test : public ::testing::Test {
 protected:
  void SetUp() override {
    descriptors_ = names_in("/proc/self/fd").size();
    shared_memory_ = names_in("/dev/shm");
  }
  void TearDown() override {
    EXPECT_TRUE(children_of("self").empty()) << "a child process stayed behind";
    EXPECT_EQ(names_in("/proc/self/fd").size(), descriptors_) << "a descriptor stayed open";
    for (const std::string& name : names_in("/dev/shm")) {
      EXPECT_TRUE(shared_memory_.contains(name) || is_pythons(name)) << name << " stayed behind in /dev/shm";
    }
  }

 private:
  /// A semaphore or a block of a Python that works beside this test: multiprocessing names them so.
  static bool is_pythons(const std::string& name) { return name.starts_with("sem.mp-") || name.starts_with("psm_"); }

  std::size_t descriptors_ = 0;
  std::set<std::string> shared_memory_;
};

/// The same specification for each start method.
class each_start_method : public clean_process_test, public ::testing::WithParamInterface<fanout::start_method> {
 protected:
  static fanout::process_pool_options options(unsigned workers) {
    fanout::process_pool_options o;
    o.workers = workers;
    o.start = GetParam();
    return o;
  }
};

inline std::string start_method_name(const ::testing::TestParamInfo<fanout::start_method>& info) {
  return ::testing::PrintToString(info.param);
}

#define FANOUT_FOR_EACH_START_METHOD(suite)                                                                         \
  INSTANTIATE_TEST_SUITE_P(                                                                                         \
      Start, suite,                                                                                                 \
      ::testing::Values(fanout::start_method::forkserver, fanout::start_method::spawn, fanout::start_method::fork), \
      fanout_test::start_method_name)

/// The error that `call` throws, or a failed test.
template <class Error, class Call>
Error thrown_by(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  throw std::logic_error("nothing was thrown");
}

}  // namespace fanout_test
