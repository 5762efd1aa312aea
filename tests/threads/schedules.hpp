// SPDX-License-Identifier: Apache-2.0
// Runs a few would-be threads one step at a time, in an order that a seed decides: every interleaving of a protocol's
// accesses can come up, and one that fails comes up again. Sequentially consistent: what weaker orders allow is for
// ThreadSanitizer and the stress tests to find.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <random>
#include <utility>
#include <vector>

#include "fanout/duration.hpp"
#include "fiber.hpp"
#include "support/sanitized.hpp"

namespace fanout_test {

/// How many schedules a test tries: three seconds' worth.
inline constexpr std::uint32_t seeds = sanitized ? 1'000 : 10'000;

/// One run. A would-be thread steps before every access to what it shares; then the seed says who goes on.
class schedule {
 public:
  enum class outcome { all_ended, all_asleep };

  explicit schedule(std::uint32_t seed) : random_(seed) {}

  /// Runs them to their ends, or until none can go on any more; those are then told to give up.
  outcome run(const std::vector<std::function<void()>>& bodies) {
    schedule* const outer = std::exchange(current_, this);
    for (const auto& body : bodies) {
      actors_.emplace_back([this, &body, me = actors_.size()]() -> fiber& {
        running_ = me;
        act(body);
        actors_[me].state = actor::ended;
        return who_goes_on();
      });
    }
    home_.hand_over(who_goes_on());
    current_ = outer;
    return outcome_;
  }

  /// The schedule that the caller is part of.
  static schedule& here() noexcept { return *current_; }

  void step() {
    const std::size_t me = running_;
    fiber& next = who_goes_on();
    if (&next != &actors_[me].body) {
      actors_[me].body.hand_over(next);
      running_ = me;
    }
    go_on();
  }

  /// Until `condition`, which others bring about, is true. With `may_give_up` it may return before: false.
  bool sleep_until(const std::function<bool()>& condition, bool may_give_up = false) {
    actor& me = actors_[running_];
    me.condition = condition;
    me.may_give_up = may_give_up;
    me.state = actor::asleep;
    step();
    return condition();
  }

 private:
  struct give_up {};
  struct actor {
    explicit actor(std::function<fiber&()> does) : body(std::move(does)) {}

    fiber body;
    enum { ready, asleep, ended } state = ready;
    std::function<bool()> condition;
    bool may_give_up = false;
  };

  void act(const std::function<void()>& body) {
    try {
      go_on();
      body();
    } catch (const give_up&) {
    }
  }

  void go_on() {
    actors_[running_].state = actor::ready;
    if (outcome_ == outcome::all_asleep) throw give_up();
  }

  fiber& who_goes_on() {
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
    return can_go_on.empty() ? home_ : actors_[can_go_on[random_() % can_go_on.size()]].body;
  }

  static inline thread_local schedule* current_ = nullptr;

  std::mt19937 random_;
  fiber home_;
  std::deque<actor> actors_;
  std::size_t running_ = 0;
  outcome outcome_ = outcome::all_ended;
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
