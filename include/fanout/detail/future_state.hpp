// SPDX-License-Identifier: Apache-2.0
// The block that a future and whoever fulfils it share: reference count, state word, result. Pools derive their tasks
// from it, so that callable, result, count and state are one allocation.
#pragma once

#include <atomic>
#include <concepts>
#include <cstdint>
#include <exception>
#include <memory>
#include <utility>

#include "fanout/detail/frame_pool.hpp"
#include "fanout/detail/waiter.hpp"
#include "fanout/duration.hpp"
#include "fanout/result.hpp"

namespace fanout {

/// How far cancel() may go.
enum class cancel_mode {
  cooperative,  ///< what has not begun will not; what runs is asked to stop
  kill,         ///< process pools: a running task's worker is killed
};

namespace detail {

bool is_cancelled(const std::exception_ptr& error) noexcept;

/// Who owes a result from outside this process. A thread that blocks for it sees to what comes from there itself, where
/// another thread in between would have to wake it afterwards. Any thread.
class outside {
 public:
  virtual ~outside() = default;

  static constexpr std::uint32_t flag_set = 1;

  /// Until `flag` is set, or the deadline, if there is one, has passed. The flag is 0 before, and is 0 or set
  /// afterwards; in between other values may be put there.
  virtual void block_until(std::atomic<std::uint32_t>& flag, const time_point* deadline) noexcept = 0;
  /// That flag was set: whoever blocks for it is to look. Only its address is used: it may be gone.
  virtual void wake(const std::atomic<std::uint32_t>& flag) noexcept = 0;
};

/// Once for an error that no get(), co_await or results() has taken: a line on stderr. Not for `cancelled`.
void report_unseen(const std::exception_ptr& error) noexcept;

/// The part that does not depend on the type of the result. Counted by the future and by whoever owes it.
class future_core : public pooled {
 public:
  future_core(const future_core&) = delete;
  future_core& operator=(const future_core&) = delete;

  void add_reference() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  void release() noexcept {
    // The last one sees what all did (acquire, which pairs with their release) before it destroys. Who finds itself
    // alone is the last: nobody else is left to add or to take away.
    if (references_.load(std::memory_order_acquire) == 1 || references_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      delete this;
    }
  }

  completion& event() noexcept { return event_; }
  const completion& event() const noexcept { return event_; }
  const scheduler* home() const noexcept { return home_; }

  /// True: the task will not run, or was asked to stop.
  virtual bool cancel(cancel_mode) { return false; }

  /// Runs the task in this thread, if it has not begun: for a worker of its home that waits for it. True: it has ended.
  virtual bool run_here() noexcept { return false; }

  /// Null if it is owed by threads of this process, or has ended. Throws fanout::error if it cannot come here.
  virtual std::shared_ptr<outside> owed_from_outside() { return nullptr; }

  /// Whoever takes an outcome has looked at its error, if it is one.
  void seen() noexcept { seen_ = true; }

 protected:
  /// `home`: the scheduler whose threads fulfil it, if it is one: they must not sleep while they wait for it.
  explicit future_core(const scheduler* home, std::uint32_t references) noexcept
      : home_(home), references_(references) {}
  virtual ~future_core() = default;

  bool is_seen() const noexcept { return seen_; }

 private:
  completion event_;
  const scheduler* const home_;
  std::atomic<std::uint32_t> references_;
  bool seen_ = false;
};

template <class T>
class future_state : public future_core {
 public:
  explicit future_state(const scheduler* home = nullptr, std::uint32_t references = 1) noexcept
      : future_core(home, references) {}
  ~future_state() override {
    if (!is_seen() && !outcome_.has_value() && outcome_.error() != nullptr) report_unseen(outcome_.error());
  }

  /// Once: publishes the outcome to whoever waits.
  void complete(result<T>&& outcome) noexcept {
    replace_outcome(outcome_, std::move(outcome));
    event().finish();
  }
  void fail(std::exception_ptr error) noexcept { complete(std::unexpected(std::move(error))); }

  /// After event().done().
  result<T>&& take() noexcept {
    seen();
    return std::move(outcome_);
  }

 private:
  result<T> outcome_{std::unexpect};
};

/// A counted pointer to a future's block.
template <class State>
class state_ptr {
 public:
  state_ptr() noexcept = default;
  /// Takes over one reference.
  explicit state_ptr(State* state) noexcept : state_(state) {}
  template <class Derived>
    requires std::convertible_to<Derived*, State*>
  state_ptr(state_ptr<Derived>&& other) noexcept : state_(other.detach()) {}
  state_ptr(state_ptr&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  state_ptr& operator=(state_ptr&& other) noexcept {
    state_ptr(std::move(other)).swap(*this);
    return *this;
  }
  state_ptr(const state_ptr& other) noexcept : state_(other.state_) {
    if (state_ != nullptr) state_->add_reference();
  }
  state_ptr& operator=(const state_ptr& other) noexcept {
    state_ptr(other).swap(*this);
    return *this;
  }
  ~state_ptr() {
    if (state_ != nullptr) state_->release();
  }

  void swap(state_ptr& other) noexcept { std::swap(state_, other.state_); }
  /// Gives the reference away.
  State* detach() noexcept { return std::exchange(state_, nullptr); }
  State* get() const noexcept { return state_; }
  State* operator->() const noexcept { return state_; }
  State& operator*() const noexcept { return *state_; }
  explicit operator bool() const noexcept { return state_ != nullptr; }

 private:
  State* state_ = nullptr;
};

}  // namespace detail

}  // namespace fanout
