// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

/// Figures, and where their middle and their tail are.
class samples {
 public:
  void add(double value) { values_.push_back(value); }

  std::size_t size() const { return values_.size(); }
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
