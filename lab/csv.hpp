// SPDX-License-Identifier: Apache-2.0
// Records as comma-separated values (RFC 4180), for spreadsheets and data frames: a line for each model. Pure.
#pragma once

#include <string>

#include "lab/analysis.hpp"
#include "lab/record.hpp"

namespace lab {

/// The names of the columns, with a line break.
std::string csv_header();

/// Best first, as in the table. What was not measured is empty.
std::string csv_lines(const record& experiment, const analysis& found);

}  // namespace lab
