// SPDX-License-Identifier: Apache-2.0
// What a record means, in sentences. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lab/analysis.hpp"
#include "lab/record.hpp"

namespace lab {

/// "sleep:1 × 5".
std::string work_in_words(const record& experiment);

/// Interpreter, machine, models and rounds, on one line.
std::string plan_in_words(const record& experiment);

struct sentence {
  std::string mark;        // ✔ shown, ≈ shown to be equal, ? undecided, ! caution, ✘ wrong, – nothing; or a space
  std::string_view style;  // of the mark, where there is colour (terminal.hpp)
  std::string text;
};

/// The verdict first.
std::vector<sentence> sentences(const record& experiment, const analysis& found);

/// The outcome in half a sentence: "threads is best: 1.98 times as fast as serial".
std::string headline(const record& experiment, const analysis& found);

/// Which rounds something else disturbed, and what it was; empty if none.
std::string disturbance_in_words(const record& experiment);

/// What tasks returned as a program would write it, on one line of so many columns at most.
std::string values_in_words(const returned_values& returned, std::size_t width);

}  // namespace lab
