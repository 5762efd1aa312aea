// SPDX-License-Identifier: Apache-2.0
// What the public face (DESIGN.md, section 3) promises and this version does not have yet; the command line's part of
// it is in tests/cli/test_missing.py. The test prints the list. When something on it has come to exist it fails, or
// does not compile: then that belongs into face_test.cpp or process_face_test.cpp.
#include <gtest/gtest.h>
#include <fanout/fanout.hpp>

#include <iostream>
#include <vector>

// Names that <fanout/fanout.hpp> is to declare. Looked up as fanout::spawn, a name is found in here only if fanout
// itself has none: no error below means that none of them exists.
namespace missing {

struct absent {};
inline constexpr absent shared_buffer, shared_array;

}  // namespace missing

namespace fanout {
using namespace missing;
}

namespace {

struct promised {
  const char* name;
  bool exists;
};

constexpr bool exists(missing::absent) { return false; }

const std::vector<promised> names = {
    {"shared_buffer", exists(fanout::shared_buffer)},
    {"shared_array<T>", exists(fanout::shared_array)},
    {"target fanout::cluster", FANOUT_CLUSTER_EXISTS},
};

TEST(Face, WhatIsMissingIsListed) {
  std::cout << "Not there yet:\n";
  for (const auto& [name, there] : names) {
    EXPECT_FALSE(there) << name << " exists now: use it in the face tests";
    std::cout << "  " << name << '\n';
  }
}

}  // namespace
