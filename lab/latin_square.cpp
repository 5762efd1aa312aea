// SPDX-License-Identifier: Apache-2.0
// Random cyclic Latin squares. Own shuffle: std::shuffle differs between standard libraries, a recorded seed must not.
#include "lab/latin_square.hpp"

#include <numeric>
#include <utility>

namespace lab {

latin_square::latin_square(std::size_t size, std::uint64_t seed) : random_(seed), symbols_(size) {
  std::iota(symbols_.begin(), symbols_.end(), std::size_t{0});
}

std::vector<std::size_t> latin_square::next_row() {
  if (rows_.empty()) {
    rows_.resize(symbols_.size());
    std::iota(rows_.begin(), rows_.end(), std::size_t{0});
    shuffle(rows_);
    shuffle(symbols_);
  }
  const std::size_t shift = rows_.back();
  rows_.pop_back();
  std::vector<std::size_t> row;
  for (std::size_t position = 0; position < symbols_.size(); ++position)
    row.push_back(symbols_[(position + shift) % symbols_.size()]);
  return row;
}

void latin_square::shuffle(std::vector<std::size_t>& values) {
  for (std::size_t left = values.size(); left > 1; --left) std::swap(values[left - 1], values[random_() % left]);
}

}  // namespace lab
