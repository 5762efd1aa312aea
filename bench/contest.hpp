// SPDX-License-Identifier: Apache-2.0
// Several that do the same in turns, within one benchmark, so that a disturbance of the machine hits them all: compare
// the medians of one run, never those of two.
#pragma once

#include <benchmark/benchmark.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "measures.hpp"

/// What a contestant does when it is its turn: so many trips, of which the first `unmeasured` are not measured, each
/// after all has been idle for so long.
struct row {
  std::size_t unmeasured = 0;
  std::size_t trips = 1;
  std::chrono::microseconds idle{};
};

struct contestant {
  std::string name;
  /// Adds how many microseconds each trip took. False if one went wrong.
  std::function<bool(const row&, samples&)> go;
};

/// The contestant whose `trip()` is measured from call to return; it says whether it went right. `prepare()` comes
/// before each, and is not measured.
template <class Prepare, class Trip>
contestant measured(std::string name, Prepare prepare, Trip trip) {
  return {std::move(name),
          [prepare = std::move(prepare), trip = std::move(trip)](const row& r, samples& times) mutable {
            bool right = true;
            for (std::size_t i = 0; i < r.trips; ++i) {
              prepare();
              if (r.idle.count() > 0) std::this_thread::sleep_for(r.idle);
              const double time = microseconds([&] { right = trip() && right; });
              if (i >= r.unmeasured) times.add(time);
            }
            return right;
          }};
}
template <class Trip>
contestant measured(std::string name, Trip trip) {
  return measured(std::move(name), [] {}, std::move(trip));
}

class contest {
 public:
  /// The first is what the others are compared with.
  contest(benchmark::State& state, std::vector<contestant> all) : state_(state) {
    for (contestant& c : all) all_.push_back({std::move(c)});
  }

  /// A row of each; who is first changes.
  void round(const row& r) {
    for (std::size_t i = 0; i < all_.size(); ++i) {
      entry& e = all_[(i + rounds_) % all_.size()];
      std::this_thread::sleep_for(until_asleep);
      if (!e.who.go(r, e.times)) state_.SkipWithError((e.who.name + ": wrong result").c_str());
    }
    ++rounds_;
  }

  /// Of each the median, the tail, and what the median is to that of the first. The time of an iteration says nothing.
  void report() {
    const double first = all_[0].times.median();
    for (entry& e : all_) {
      const double p50 = e.times.median();
      state_.counters[e.who.name + "_p50_us"] = p50;
      state_.counters[e.who.name + "_p99_us"] = e.times.quantile(0.99);
      state_.counters[e.who.name + "_ratio"] = first > 0 ? p50 / first : 0;
    }
  }

 private:
  struct entry {
    contestant who;
    samples times = {};
  };

  benchmark::State& state_;
  std::vector<entry> all_;
  std::size_t rounds_ = 0;
};
