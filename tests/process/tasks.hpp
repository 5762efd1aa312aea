// SPDX-License-Identifier: Apache-2.0
// What tests of faults and their tasks have in common: events that any process may wait for, and counters that outlive
// who counts.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "fanout/errors.hpp"
#include "support.hpp"

namespace fanout_test {

/// A file of this test alone, which is removed with this.
class test_file {
 public:
  explicit test_file(const std::string& what) {
    static std::atomic<int> count = 0;
    path_ = ::testing::TempDir() + "fanout_" + what + "_" + std::to_string(::getpid()) + "_" + std::to_string(++count);
  }
  test_file(const test_file&) = delete;
  test_file& operator=(const test_file&) = delete;
  ~test_file() { std::filesystem::remove(path_); }

  const std::string& path() const noexcept { return path_; }
  std::string text() const {
    std::ifstream in(path_);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  }

 private:
  std::string path_;
};

/// Happens once, in whatever process: from then on there is that file. Tasks are given its path.
class event_file : public test_file {
 public:
  event_file() : test_file("event") {}

  void set() const { set(path()); }
  static void set(const std::string& path) { std::ofstream(path).flush(); }
  bool is_set() const { return std::filesystem::exists(path()); }
  /// False: not in any time that a healthy run needs.
  [[nodiscard]] bool wait() const { return wait(path()); }
  static bool wait(const std::string& path) {
    return eventually([&] { return std::filesystem::exists(path); });
  }
};

/// Counters in a file that all processes map.
class tally : public test_file {
 public:
  explicit tally(std::size_t size) : test_file("tally") {
    std::ofstream(path()).close();
    std::filesystem::resize_file(path(), size * sizeof(counter));
    counters_ = map(path(), size);
    size_ = size;
  }
  ~tally() { ::munmap(counters_, size_ * sizeof(counter)); }

  std::size_t size() const noexcept { return size_; }
  unsigned operator[](std::size_t index) const noexcept { return counters_[index].load(); }
  /// What a task does. Returns how often that was done by now.
  static unsigned count(const std::string& path, std::size_t index) {
    const std::size_t size = std::filesystem::file_size(path) / sizeof(counter);
    counter* const counters = map(path, size);
    const unsigned now = counters[index].fetch_add(1) + 1;
    ::munmap(counters, size * sizeof(counter));
    return now;
  }

 private:
  using counter = std::atomic<unsigned>;
  static_assert(counter::is_always_lock_free);

  static counter* map(const std::string& path, std::size_t size) {
    const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
    if (file < 0) throw std::system_error(errno, std::generic_category(), path);
    void* const memory = ::mmap(nullptr, size * sizeof(counter), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    ::close(file);
    if (memory == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap of " + path);
    return static_cast<counter*>(memory);
  }

  counter* counters_ = nullptr;
  std::size_t size_ = 0;
};

// --- tasks

inline int square(int x) { return x * x; }
inline pid_t own_pid() { return ::getpid(); }

[[noreturn]] inline void hang() {
  for (;;) ::pause();
}
/// Says that it has begun, and never ends.
inline void begin_and_hang(const std::string& begun) {
  event_file::set(begun);
  hang();
}
/// Says that it has begun, and ends when it is let go.
inline int begin_and_wait(const std::string& begun, const std::string& let_go) {
  event_file::set(begun);
  return event_file::wait(let_go) ? 1 : 0;
}

/// Until the pool has been closed by somebody else. What it took meanwhile.
inline std::vector<fanout::future<int>> submit_until_closed(fanout::process_pool& pool) {
  std::vector<fanout::future<int>> taken;
  for (;;) {
    try {
      taken.push_back(pool.submit(square, 1));
    } catch (const fanout::pool_closed&) {
      return taken;
    }
  }
}

/// Errors that nobody looks at are reported on stderr.
template <class R>
void look_at(std::vector<fanout::future<R>> futures) {
  for (auto& each : futures) {
    try {
      static_cast<void>(each.get());
    } catch (...) {
    }
  }
}

// --- what tests ask

/// Processes that a pool has, of the one nanny that there is.
inline std::vector<pid_t> workers_of(pid_t nanny) { return children_of(std::to_string(nanny)); }

/// A process of ours that was killed: it and its zombie are gone.
inline bool is_gone(pid_t pid) {
  return eventually([&] { return !std::filesystem::exists("/proc/" + std::to_string(pid)); });
}

/// Waits for it, and gives the text of its Error.
template <class Error, class Future>
std::string what_fails(Future& future) {
  return thrown_by<Error>([&] { static_cast<void>(future.get()); }).what();
}

}  // namespace fanout_test
