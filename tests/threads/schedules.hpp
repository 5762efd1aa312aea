// SPDX-License-Identifier: Apache-2.0
// Runs a few threads one step at a time, in an order that a seed decides: every interleaving of a protocol's accesses
// can come up, and one that fails comes up again. Sequentially consistent: what weaker orders allow is for
// ThreadSanitizer and the stress tests to find.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "fanout/duration.hpp"

namespace fanout_test {

/// One run. A thread steps before every access to what it shares; then the seed says who goes on.
class schedule {
 public:
  enum class outcome { all_ended, all_asleep };

  explicit schedule(std::uint32_t seed) : random_(seed) {}

  /// Runs them to their ends, or until none can go on any more; those are then told to give up.
  outcome run(const std::vector<std::function<void()>>& bodies) {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < bodies.size(); ++i) actors_.emplace_back();
    for (std::size_t i = 0; i < bodies.size(); ++i) {
      threads.emplace_back([this, i, &body = bodies[i]] {
        current_ = this;
        me_ = i;
        wait_for_turn();
        try {
          body();
        } catch (const give_up&) {
        }
        actors_[i].state = actor::ended;
        pass_on();
      });
    }
    pass_on();
    for (auto& thread : threads) thread.join();
    return outcome_;
  }

  /// The schedule that the calling thread is part of.
  static schedule& here() noexcept { return *current_; }

  void step() {
    pass_on();
    wait_for_turn();
  }

  /// Until `condition`, which others bring about, is true. With `may_give_up` it may return before: false.
  bool sleep_until(const std::function<bool()>& condition, bool may_give_up = false) {
    actors_[me_].condition = condition;
    actors_[me_].may_give_up = may_give_up;
    actors_[me_].state = actor::asleep;
    step();
    return condition();
  }

 private:
  struct give_up {};
  struct actor {
    enum { ready, asleep, ended } state = ready;
    std::function<bool()> condition;
    bool may_give_up = false;
  };
  static constexpr std::size_t nobody = static_cast<std::size_t>(-1);

  void wait_for_turn() {
    for (std::size_t now = turn_.load(); now != me_; now = turn_.load()) turn_.wait(now);
    actors_[me_].state = actor::ready;
    if (outcome_ == outcome::all_asleep) throw give_up();
  }

  void pass_on() {
    std::vector<std::size_t> can_go_on, asleep;
    for (std::size_t i = 0; i < actors_.size(); ++i) {
      const actor& a = actors_[i];
      if (a.state == actor::ready || (a.state == actor::asleep && (a.may_give_up || a.condition()))) {
        can_go_on.push_back(i);
      } else if (a.state == actor::asleep) {
        asleep.push_back(i);
      }
    }
    if (can_go_on.empty() && !asleep.empty()) {
      outcome_ = outcome::all_asleep;
      can_go_on = asleep;
    }
    turn_ = can_go_on.empty() ? nobody : can_go_on[random_() % can_go_on.size()];
    turn_.notify_all();
  }

  static inline thread_local schedule* current_ = nullptr;
  static inline thread_local std::size_t me_ = 0;

  std::mt19937 random_;
  std::vector<actor> actors_;  // of whoever has the turn
  outcome outcome_ = outcome::all_ended;
  std::atomic<std::size_t> turn_ = nobody;
};

/// What a protocol is made of, each access a step of the schedule. See threads/sync.hpp.
struct scheduled_sync {
  template <class T>
  class atomic {
   public:
    atomic() noexcept = default;
    atomic(T value) noexcept : value_(value) {}  // NOLINT: as std::atomic
    T load(std::memory_order) const {
      schedule::here().step();
      return value_;
    }
    void store(T value, std::memory_order) {
      schedule::here().step();
      value_ = value;
    }
    T fetch_add(T by, std::memory_order) {
      schedule::here().step();
      return std::exchange(value_, static_cast<T>(value_ + by));
    }
    T fetch_sub(T by, std::memory_order) {
      schedule::here().step();
      return std::exchange(value_, static_cast<T>(value_ - by));
    }
    bool compare_exchange_strong(T& expected, T value, std::memory_order) {
      schedule::here().step();
      if (value_ != expected) {
        expected = value_;
        return false;
      }
      value_ = value;
      return true;
    }
    bool compare_exchange_weak(T& expected, T value, std::memory_order order) {
      return compare_exchange_strong(expected, value, order);
    }

   private:
    T value_{};
  };

  class mutex {
   public:
    void lock() {
      schedule::here().sleep_until([this] { return !locked_; });
      locked_ = true;
    }
    void unlock() { locked_ = false; }

   private:
    bool locked_ = false;
  };

  class parker {
   public:
    bool park(const fanout::time_point* deadline) {
      if (!schedule::here().sleep_until([this] { return signal_; }, deadline != nullptr)) return false;
      signal_ = false;
      return true;
    }
    void signal() { signal_ = true; }
    static void wake(parker&) {}

   private:
    bool signal_ = false;
  };
};

}  // namespace fanout_test
