// SPDX-License-Identifier: Apache-2.0
// What somebody who made a typing mistake may have meant.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cli {

/// How many letters must be put in, left out, replaced, or swapped with the next to make one word of the other, no
/// letter twice (Damerau and Levenshtein's distance, as optimal string alignment).
std::size_t edits_between(std::string_view a, std::string_view b);

/// The candidate that is `word` but for the fewest edits; nothing if that takes more than two, or as many as the word
/// has letters.
std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace cli
