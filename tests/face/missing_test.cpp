// SPDX-License-Identifier: Apache-2.0
// What the public face (DESIGN.md, section 3) promises and this version does not have yet; the command line's part of
// it is in tests/cli/test_missing.py. The test prints the list. When something on it has come to exist it fails, or
// does not compile: then that belongs into face_test.cpp or process_face_test.cpp.
#include <gtest/gtest.h>

#include <iostream>
#include <vector>

namespace {

struct promised {
  const char* name;
  bool exists;
};

const std::vector<promised> names = {
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
