// SPDX-License-Identifier: Apache-2.0
// What every specification of the process pool checks when it is over: nothing stays behind, and the pool still works.
#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <ostream>
#include <set>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "fanout/process_pool.hpp"
#include "support/sanitized.hpp"

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

/// 'R', 'S' … as in /proc; NUL: it is not in the process table.
inline char state_of(pid_t pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  std::getline(stat, line);
  const auto at = line.rfind(") ");
  return at == std::string::npos ? '\0' : line[at + 2];
}

/// Still in the process table, other than as a zombie that only its parent can remove?
inline bool runs(pid_t pid) {
  const char state = state_of(pid);
  return state != '\0' && state != 'Z' && state != 'X';
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

/// Memory of memfds that this process has mapped.
inline std::size_t mapped_memfds() {
  std::ifstream maps("/proc/self/maps");
  std::size_t count = 0;
  for (std::string line; std::getline(maps, line);) count += line.find("/memfd:") != std::string::npos;
  return count;
}

/// A variable of the environment, changed for as long as this lives.
class changed_variable {
 public:
  changed_variable(std::string name, const std::string& value) : name_(std::move(name)) {
    if (const char* const before = ::getenv(name_.c_str())) before_ = before;
    ::setenv(name_.c_str(), value.c_str(), 1);
  }
  ~changed_variable() {
    if (before_) {
      ::setenv(name_.c_str(), before_->c_str(), 1);
    } else {
      ::unsetenv(name_.c_str());
    }
  }
  changed_variable(const changed_variable&) = delete;
  changed_variable& operator=(const changed_variable&) = delete;

 private:
  const std::string name_;
  std::optional<std::string> before_;
};

/// A directory for the temporary files of this process, and of those that it starts from now on; ::testing::TempDir()
/// too gives that.
class own_temporary_directory {
 public:
  /// What stays behind in it.
  std::set<std::string> left_behind() const { return names_in(path_); }
  ~own_temporary_directory() { std::filesystem::remove_all(path_); }

 private:
  static std::string make() {
    std::string path = ::testing::TempDir() + "fanout_test_XXXXXX";
    if (::mkdtemp(path.data()) == nullptr) throw std::system_error(errno, std::generic_category(), path);
    return path;
  }

  const std::string path_ = make();
  const changed_variable for_all_{"TMPDIR", path_}, for_tests_{"TEST_TMPDIR", path_};
};

/// Compares the process before and after: children, descriptors, shared memory with a name and without, and temporary
/// files.
class clean_process_test : public ::testing::Test {
 protected:
  void SetUp() override {
    temporary_files_.emplace();
    descriptors_ = names_in("/proc/self/fd").size();
    shared_memory_ = names_in("/dev/shm");
    memfds_ = mapped_memfds();
  }
  void TearDown() override {
    EXPECT_TRUE(children_of("self").empty()) << "a child process stayed behind";
    EXPECT_EQ(names_in("/proc/self/fd").size(), descriptors_) << "a descriptor stayed open";
    EXPECT_EQ(mapped_memfds(), memfds_) << "the memory of a memfd stayed mapped";
    for (const std::string& name : names_in("/dev/shm")) {
      EXPECT_TRUE(shared_memory_.contains(name) || !is_ours(name)) << name << " stayed behind in /dev/shm";
    }
    for (const std::string& name : temporary_files_->left_behind()) {
      EXPECT_TRUE(is_of_a_sanitizer(name)) << name << " stayed behind";
    }
    temporary_files_.reset();
  }

 private:
  /// Other programs work beside this test, and may use that directory: only what has our name is ours.
  static bool is_ours(const std::string& name) { return name.find("fanout") != std::string::npos; }

  /// Of a worker that is killed while ThreadSanitizer's runtime starts in it.
  static bool is_of_a_sanitizer(const std::string& name) { return thread_sanitized && name.starts_with("tsan."); }

  std::optional<own_temporary_directory> temporary_files_;
  std::size_t descriptors_ = 0;
  std::set<std::string> shared_memory_;
  std::size_t memfds_ = 0;
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

/// What is left of a pool after a fault: it runs what it is given.
inline ::testing::AssertionResult still_works(fanout::process_pool& pool) {
  const auto add = [](int a, int b) { return a + b; };
  try {
    std::vector<fanout::future<int>> sums;
    for (unsigned i = 0; i < 2 * pool.workers(); ++i) sums.push_back(pool.submit(add, 40, 2));
    for (auto& sum : sums) {
      if (sum.get() != 42) return ::testing::AssertionFailure() << "it gives wrong results";
    }
  } catch (const std::exception& error) {
    return ::testing::AssertionFailure() << "it fails: " << error.what();
  }
  return ::testing::AssertionSuccess();
}

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
