// SPDX-License-Identifier: Apache-2.0
// Costs for human eyes. Pure: returns text.
#pragma once

#include <string>

#include "lab/costs/report.hpp"
#include "lab/terminal.hpp"

namespace lab::costs {

/// "12.3 ns", "[1.31, 1.52] µs": three figures, in the unit of the median.
std::string format_value(double value, unit in);
std::string format_range(const estimate& value, unit in);

/// A table with one line for each cost, then what became of the notebook's claims, in sentences.
std::string show(const report& all, const terminal& out);

}  // namespace lab::costs
