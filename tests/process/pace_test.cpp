// SPDX-License-Identifier: Apache-2.0
// How large a chunk of a map is whose size nobody has set.
#include "process/pace.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace {

using namespace std::chrono_literals;
using fanout::detail::own_chunk;

TEST(OwnChunk, IsOneItemUntilItIsKnownHowLongItTakes) { EXPECT_EQ(own_chunk(0us, 1'000'000), 1U); }

TEST(OwnChunk, IsAMillisecondsWorkWhileMuchIsLeft) { EXPECT_EQ(own_chunk(10us, 1'000'000), 100U); }

TEST(OwnChunk, IsHalfThatWhereSixteenLongOnesAreNotLeft) { EXPECT_EQ(own_chunk(10us, 400), 50U); }

TEST(OwnChunk, IsAQuarterOfAWorkersShareTowardsTheEnd) { EXPECT_EQ(own_chunk(10us, 40), 10U); }

TEST(OwnChunk, IsOneItemAtTheEndAndOfLongTasks) {
  EXPECT_EQ(own_chunk(10us, 0), 1U);
  EXPECT_EQ(own_chunk(10ms, 1'000'000), 1U);
}

}  // namespace
