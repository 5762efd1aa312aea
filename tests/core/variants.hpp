// SPDX-License-Identifier: Apache-2.0
// Typed tests of one type in several variants, which differ in values only: compiled once, and run for each of them.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>
#include <string_view>
#include <utility>

namespace fanout_test {

template <class Traits, std::size_t>
using same_for_each = Traits;

template <class Traits, std::size_t... I>
auto repeated(std::index_sequence<I...>) -> ::testing::Types<same_for_each<Traits, I>...>;

/// Traits once for each of Traits::names.
template <class Traits>
using variants_of = decltype(repeated<Traits>(std::make_index_sequence<std::size(Traits::names)>()));

/// Gives each instance of a suite its variant's name.
struct variant_name {
  template <class Traits>
  static const char* GetName(int index) {
    return Traits::names[static_cast<std::size_t>(index)];
  }
};

/// The index of the variant that the running test is about, of those that have these names: that of its suite ends in
/// one.
template <std::size_t N>
std::size_t variant_under_test(const std::array<const char*, N>& names) {
  const std::string_view suite = ::testing::UnitTest::GetInstance()->current_test_info()->test_suite_name();
  const auto name =
      std::ranges::find(names, suite.substr(suite.rfind('/') + 1), [](const char* s) { return std::string_view(s); });
  return static_cast<std::size_t>(name - names.begin());
}

}  // namespace fanout_test
