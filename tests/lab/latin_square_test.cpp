// SPDX-License-Identifier: Apache-2.0
#include "lab/latin_square.hpp"

#include <gtest/gtest.h>

#include <set>

namespace {

TEST(LatinSquare, EveryModelIsAtEveryPositionOnceInEachSquare) {
  constexpr std::size_t models = 5;
  lab::latin_square square(models, 42);
  for (int squares = 0; squares < 3; ++squares) {
    std::vector<std::set<std::size_t>> at_position(models);
    for (std::size_t round = 0; round < models; ++round) {
      const auto row = square.next_row();
      ASSERT_EQ(std::set(row.begin(), row.end()).size(), models) << "a row names each model once";
      for (std::size_t position = 0; position < models; ++position) at_position[position].insert(row[position]);
    }
    for (const auto& seen : at_position) EXPECT_EQ(seen.size(), models);
  }
}

TEST(LatinSquare, TheSeedDecidesTheOrder) {
  const auto rows = [](std::uint64_t seed) {
    lab::latin_square square(4, seed);
    std::vector<std::vector<std::size_t>> all;
    for (int i = 0; i < 8; ++i) all.push_back(square.next_row());
    return all;
  };
  EXPECT_EQ(rows(1), rows(1));
  EXPECT_NE(rows(1), rows(2));
  // As recorded by any build on any machine.
  EXPECT_EQ(rows(1)[0], (std::vector<std::size_t>{3, 1, 0, 2}));
}

}  // namespace
