// SPDX-License-Identifier: Apache-2.0
// Several comparisons, one after another: the notebook's, or a scan's. What a signal leaves of them can be gone on
// with.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/compare.hpp"
#include "cli/export_file.hpp"
#include "cli/report.hpp"

namespace cli {

struct series {
  std::size_t size;
  /// Measures one of them, and shows it.
  std::function<comparison_outcome(std::size_t, const keep_rounds&)> measure;
  /// What the record of one is before it has begun, given that of the first.
  std::function<lab::record(std::size_t, const lab::record&)> unbegun;
  /// Their names, of the notebook's.
  std::vector<std::string> names;
  std::string (*document)(const std::vector<comparison_outcome>&);
};

/// How many of them are not whole.
unsigned still_to_measure(const recorded& begun);

/// `file`: none is nullptr. It gets the document of all; or, when a signal ends one of them, and anything was measured,
/// of those before it, its whole rounds, and those that have not begun. Throws lab::interrupted, lab::usage_error.
std::vector<comparison_outcome> run_series(const series& all, export_file* file);

}  // namespace cli
