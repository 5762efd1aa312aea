// SPDX-License-Identifier: Apache-2.0
// What the specifications of executors share.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "fanout/detail/frame_pool.hpp"
#include "fanout/detail/this_thread.hpp"
#include "fanout/errors.hpp"
#include "fanout/executor.hpp"
#include "fanout/sleep.hpp"
#include "fanout/task.hpp"
#include "promise.hpp"

namespace fanout_test {

using namespace std::chrono_literals;

/// What a specification has to know about an executor.
///
///     names         of its variants: the tests are compiled once for all of them
///     make()        a new one, of the variant that the running test is about
///     prepare(e)    what is done with a new one before the test, if anything
///     one_thread()  no two of its ops run at the same time, and they run in the order in which they were posted
///     is_loop       run() is what runs it, and stops and awaits what was left over before it returns. Otherwise
///     threads
///                   of its own do, and its destructor waits for what is left over
template <class T>
concept executor_traits = fanout::executor<decltype(T::make())> && requires {
  { T::names[0] } -> std::convertible_to<const char*>;
  { T::one_thread() } -> std::convertible_to<bool>;
  { T::is_loop } -> std::convertible_to<bool>;
};

/// A new executor for every test, and a look at what stayed behind.
template <executor_traits Traits>
class executor_suite : public ::testing::Test {
 protected:
  using executor_type = decltype(Traits::make());

  executor_type& executor() noexcept { return *executor_; }
  template <class T>
  T run(fanout::task<T> main) {
    return executor_->run(std::move(main));
  }
  /// Does this thread run the executor?
  bool is_here() const noexcept { return fanout::detail::current_scheduler() == executor_.get(); }
  void destroy() noexcept { executor_.reset(); }

  void SetUp() override {
    frames_before_ = fanout::detail::live_frames();
    if constexpr (requires { Traits::prepare(executor()); }) Traits::prepare(executor());
  }
  void TearDown() override {
    destroy();
    EXPECT_EQ(fanout::detail::live_frames(), frames_before_) << "a coroutine or the block of a future stayed behind";
  }

 private:
  std::int64_t frames_before_ = 0;
  std::unique_ptr<executor_type> executor_{new executor_type(Traits::make())};
};

/// What happened, in its order, noted by any thread.
template <class T>
class journal {
 public:
  /// Returns how many there are now.
  std::size_t note(T what) {
    const std::lock_guard lock(mutex_);
    entries_.push_back(std::move(what));
    return entries_.size();
  }
  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return entries_.size();
  }
  /// When nobody notes any more.
  const std::vector<T>& entries() const { return entries_; }

 private:
  mutable std::mutex mutex_;
  std::vector<T> entries_;
};

// --- tasks that many tests need

inline fanout::task<int> value(int x) {
  co_await fanout::yield();
  co_return x;
}

inline fanout::task<> fails(const char* message = "on purpose") {
  co_await fanout::yield();
  throw std::runtime_error(message);
}

/// Waits for what never comes: only a stop request ends it. Counts those.
inline fanout::task<> until_stopped(std::atomic<int>& stopped) {
  try {
    co_await fanout::sleep(24h);
  } catch (const fanout::cancelled&) {
    ++stopped;
    throw;
  }
}

/// The error that `work` ends with, as the text of its what(); "cancelled", or "nothing" if there is none.
template <class T>
fanout::task<std::string> error_of(fanout::task<T> work) {
  try {
    co_await std::move(work);
  } catch (const std::exception& error) {
    co_return error.what();
  } catch (const fanout::cancelled& error) {
    co_return error.what();
  }
  co_return "nothing";
}

template <class T>
fanout::task<T> result_of(fanout::future<T> f) {
  co_return co_await std::move(f);
}

}  // namespace fanout_test
