// SPDX-License-Identifier: Apache-2.0
// In which order a round runs the models.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace lab {

/// Rows of random cyclic Latin squares: in every `size` consecutive rounds, counted from the first, each model is at
/// each position once, so that no model always runs after the same disturbance. The same seed gives the same rows
/// everywhere.
class latin_square {
 public:
  latin_square(std::size_t size, std::uint64_t seed);

  /// The order of the next round: a permutation of 0 … size - 1. Not for size 0.
  std::vector<std::size_t> next_row();

 private:
  void shuffle(std::vector<std::size_t>& values);

  std::mt19937_64 random_;
  std::vector<std::size_t> symbols_;
  std::vector<std::size_t> rows_;  // of this square, still to come
};

}  // namespace lab
