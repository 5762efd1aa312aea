// SPDX-License-Identifier: Apache-2.0
// The inputs of a map, for as long as the map needs them: rvalues are owned, lvalues referred to.
#pragma once

#include <cstddef>
#include <memory>
#include <ranges>
#include <type_traits>
#include <utility>
#include <vector>

namespace fanout::detail {

template <class Inputs>
concept indexable = std::ranges::random_access_range<Inputs> && std::ranges::sized_range<Inputs>;

/// A range that can only be walked through is read into a vector first.
template <class Inputs>
class map_inputs {
 public:
  explicit map_inputs(Inputs&& inputs) {
    for (auto&& input : inputs) values_.emplace_back(std::forward<decltype(input)>(input));
  }
  std::size_t size() const noexcept { return values_.size(); }
  auto& operator[](std::size_t index) noexcept { return values_[index]; }

 private:
  std::vector<std::ranges::range_value_t<Inputs>> values_;
};

template <indexable Inputs>
  requires(!std::is_lvalue_reference_v<Inputs>)
class map_inputs<Inputs> {
 public:
  explicit map_inputs(Inputs&& inputs) : inputs_(std::move(inputs)) {}
  std::size_t size() { return static_cast<std::size_t>(std::ranges::size(inputs_)); }
  decltype(auto) operator[](std::size_t index) {
    return std::ranges::begin(inputs_)[static_cast<std::ptrdiff_t>(index)];
  }

 private:
  Inputs inputs_;
};

template <indexable Inputs>
class map_inputs<Inputs&> {
 public:
  explicit map_inputs(Inputs& inputs) : inputs_(std::addressof(inputs)) {}
  std::size_t size() { return static_cast<std::size_t>(std::ranges::size(*inputs_)); }
  decltype(auto) operator[](std::size_t index) {
    return std::ranges::begin(*inputs_)[static_cast<std::ptrdiff_t>(index)];
  }

 private:
  Inputs* inputs_;
};

/// What indexing the inputs gives, and so what the function is called with.
template <class Inputs>
using map_input_t = decltype(std::declval<map_inputs<Inputs>&>()[0]);

}  // namespace fanout::detail
