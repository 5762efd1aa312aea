// SPDX-License-Identifier: Apache-2.0
#include "cli/nearest_word.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace cli {

std::size_t edits_between(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last, last(b.size() + 1);  // of the first letters of a to those of b
  std::iota(last.begin(), last.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::vector<std::size_t> row(b.size() + 1, i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    before_last = std::exchange(last, std::move(row));
  }
  return last.back();
}

std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& candidates) {
  constexpr std::size_t most_edits = 2;
  std::optional<std::string> found;
  std::size_t fewest = std::min(most_edits + 1, word.size());
  for (const std::string& candidate : candidates)
    if (const std::size_t edits = edits_between(word, candidate); edits < fewest) {
      fewest = edits;
      found = candidate;
    }
  return found;
}

}  // namespace cli
