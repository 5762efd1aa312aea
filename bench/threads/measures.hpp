// SPDX-License-Identifier: Apache-2.0
// What the benchmarks here have in common: how figures are taken and reported.
#pragma once

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <vector>

#include "workers.hpp"

/// Microseconds that f() takes.
template <class F>
double microseconds(F&& f) {
  const auto began = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - began).count();
}

/// Figures, and where their middle and their tail are.
class samples {
 public:
  void add(double value) { values_.push_back(value); }

  double quantile(double q) {
    if (values_.empty()) return 0;
    const auto last = static_cast<double>(values_.size() - 1);
    const auto nth = values_.begin() + static_cast<std::ptrdiff_t>(q * last);
    std::nth_element(values_.begin(), nth, values_.end());
    return *nth;
  }
  double median() { return quantile(0.5); }

 private:
  std::vector<double> values_;
};

/// Each iteration did `n` things: reports the time that one takes, as the counter `each`, in seconds.
inline void report_each(benchmark::State& state, std::size_t n) {
  state.counters["each"] = benchmark::Counter(
      static_cast<double>(n), benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}
