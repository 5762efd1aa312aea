// SPDX-License-Identifier: Apache-2.0
// How much is measured, and what comes out: what all measurements of costs share.
#pragma once

#include <algorithm>
#include <stdexcept>
#include <vector>

namespace lab::costs {

/// One batch is many operations and gives one figure, their mean. So the clock's resolution does not matter, and the
/// figures of batches scatter as the machine does.
struct effort {
  unsigned batches = 15;  // at least 11: the interval of the median is then well within the extremes
  double share = 1;       // of the operations in a batch; tests need few

  unsigned operations(unsigned full) const { return std::max(1U, static_cast<unsigned>(share * full)); }
};

/// One figure for each batch: seconds or bytes per operation.
struct measurement {
  std::vector<double> values{};     // without the overhead
  std::vector<double> overheads{};  // what was subtracted, for each batch; empty: nothing was
};

/// This machine has not what the measurement needs; what() says in a few words what that is: "one CPU".
class not_measurable : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace lab::costs
