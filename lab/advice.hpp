// SPDX-License-Identifier: Apache-2.0
// What could be reached, and what to do. Part of diagnosis.cpp.
#pragma once

#include <optional>
#include <string>

#include "lab/diagnosis.hpp"
#include "lab/facts.hpp"

namespace lab {

/// Nothing if it is not known what the tasks do under serial.
std::optional<diagnosis::bound> best_possible(const facts& all);

/// In a line; empty if nothing is shown. Of the best the simplest, if it is one of them; else the fastest, or what
/// takes least memory of those that are shown to be as fast. What is undecided may be far slower. With a reference:
/// what is shown to be faster than that.
std::string advice(const facts& all);

}  // namespace lab
