// SPDX-License-Identifier: Apache-2.0
// The inputs of a map, for as long as the map needs them: rvalues are owned, lvalues referred to.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <ranges>
#include <type_traits>
#include <utility>

namespace fanout::detail {

/// Workers help themselves to these; all others are pulled, one after another.
template <class Inputs>
concept indexable = std::ranges::random_access_range<Inputs> && std::ranges::sized_range<Inputs>;

template <class Inputs>
class held_inputs {
 public:
  explicit held_inputs(Inputs&& inputs) : inputs_(std::move(inputs)) {}
  Inputs& range() noexcept { return inputs_; }

 private:
  Inputs inputs_;
};

template <class Inputs>
class held_inputs<Inputs&> {
 public:
  explicit held_inputs(Inputs& inputs) noexcept : inputs_(std::addressof(inputs)) {}
  Inputs& range() noexcept { return *inputs_; }

 private:
  Inputs* inputs_;
};

/// A source of inputs gives `element`s, one after another, and makes of each, at any time later, what the function is
/// called with.
///
///     pull(place)    puts the next element there; false: there is none. One thread at a time
///     get(element)   for the function; any thread, once for each
///     is_lazy        what has not been pulled may not exist yet, nor ever end
///     owns_elements  nobody else will look at them
template <class Inputs>
class input_source;

template <indexable Inputs>
class input_source<Inputs> : public held_inputs<Inputs> {
 public:
  using held_inputs<Inputs>::held_inputs;
  using element = std::size_t;
  static constexpr bool is_lazy = false, owns_elements = false;

  std::size_t size() { return static_cast<std::size_t>(std::ranges::size(this->range())); }
  auto from(std::size_t index) { return std::ranges::begin(this->range()) + static_cast<std::ptrdiff_t>(index); }

  bool pull(std::optional<element>& place) {
    if (next_ == size()) return false;
    place.emplace(next_++);
    return true;
  }
  decltype(auto) get(element index) { return *from(index); }

 private:
  std::size_t next_ = 0;
};

/// Elements that stay where they are are pointed to, others are kept as values. The iterator moves on when the next one
/// is asked for, not before: behind it may be somebody who has not typed that line yet.
template <class Inputs>
class input_source : public held_inputs<Inputs> {
  using range_type = std::remove_reference_t<Inputs>;
  using reference = std::ranges::range_reference_t<range_type>;
  using value_type = std::ranges::range_value_t<range_type>;

 public:
  using held_inputs<Inputs>::held_inputs;
  static constexpr bool stays = std::ranges::forward_range<range_type> && std::is_lvalue_reference_v<reference>;
  using element = std::conditional_t<stays, std::add_pointer_t<reference>, value_type>;
  static constexpr bool is_lazy = true, owns_elements = !stays;

  bool pull(std::optional<element>& place) {
    if (!next_) {
      next_.emplace(std::ranges::begin(this->range()));
    } else {
      ++*next_;
    }
    if (*next_ == std::ranges::end(this->range())) return false;
    if constexpr (stays) {
      place.emplace(std::addressof(**next_));
    } else if constexpr (std::constructible_from<value_type, reference>) {
      place.emplace(**next_);
    } else {
      place.emplace(std::ranges::iter_move(*next_));  // of a single pass: nobody comes by again
    }
    return true;
  }
  decltype(auto) get(element& e) noexcept {
    if constexpr (stays) {
      return static_cast<reference>(*e);
    } else {
      return (e);
    }
  }

 private:
  std::optional<std::ranges::iterator_t<range_type>> next_;
};

}  // namespace fanout::detail
