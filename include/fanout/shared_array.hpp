// SPDX-License-Identifier: Apache-2.0
// shared_array<T>: an array that tasks of a process_pool get, and give back, without a copy.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <memory>
#include <new>
#include <ranges>
#include <type_traits>
#include <vector>

#include "fanout/detail/travel.hpp"
#include "fanout/errors.hpp"
#include "fanout/shared_buffer.hpp"

namespace fanout {

/// A handle to so many Ts in memory that other processes can map: see shared_buffer, which says who may write to it,
/// and who sees that.
///
///     fanout::shared_array<double> samples(1'000'000);
///     std::ranges::generate(samples, measure);
///     auto mean = pool.submit([](const fanout::shared_array<double>& s) { return mean_of(s); }, samples);
///     auto sums = pool.map(sum, std::vector{samples.slice(0, 500'000), samples.slice(500'000, 500'000)});
template <class T>
class shared_array {
  static_assert(detail::bytes_type<T>,
                "fanout: the elements of a shared_array lie in memory that other processes map: they must be trivially "
                "copyable, without pointers, and without a serialize function");

 public:
  using value_type = T;
  using size_type = std::size_t;
  using iterator = T*;
  using const_iterator = const T*;

  /// No elements.
  shared_array() noexcept = default;
  /// As std::vector makes them: zeros, for numbers. Throws std::bad_alloc if there is not that much memory: it is taken
  /// here, not when it is written to.
  explicit shared_array(std::size_t size) : buffer_(bytes_of(size)) {
    if constexpr (!std::is_trivially_default_constructible_v<T>) std::uninitialized_value_construct_n(begin(), size);
  }
  shared_array(std::initializer_list<T> values) : shared_array(from_range, values) {}
  /// Copies of a range's elements.
  template <std::ranges::input_range Range>
    requires(!std::same_as<std::remove_cvref_t<Range>, shared_array> &&
             std::convertible_to<std::ranges::range_reference_t<Range>, T>)
  explicit shared_array(Range&& range) : shared_array(from_range, range) {}

  std::size_t size() const noexcept { return buffer_.size() / sizeof(T); }
  bool empty() const noexcept { return buffer_.empty(); }

  const T* data() const noexcept { return reinterpret_cast<const T*>(buffer_.data()); }
  /// Throws std::bad_alloc, when it was received and this is the first access that is not const.
  T* data() { return reinterpret_cast<T*>(buffer_.data()); }
  const T* begin() const noexcept { return data(); }
  const T* end() const noexcept { return data() + size(); }
  T* begin() { return data(); }
  T* end() { return data() + size(); }
  const T& operator[](std::size_t index) const noexcept { return data()[index]; }
  T& operator[](std::size_t index) { return data()[index]; }

  /// A handle to some of the elements. All of them are freed together. Throws std::out_of_range.
  shared_array slice(std::size_t first, std::size_t count) const {
    shared_array part;
    part.buffer_ = buffer_.slice(bytes_of(first), bytes_of(count));
    return part;
  }

  // How it travels; for fanout's archives alone.
  void save(detail::writer& to) const { buffer_.save(to); }
  void load(detail::reader& from) {
    shared_buffer came;
    came.load(from);
    const auto address = reinterpret_cast<std::uintptr_t>(std::as_const(came).data());
    if (came.size() % sizeof(T) != 0 || address % alignof(T) != 0)
      throw serialization_error("a shared_array came that holds no whole elements");
    buffer_ = std::move(came);
  }

 private:
  static constexpr struct from_range_t {
  } from_range{};

  template <class Range>
  shared_array(from_range_t, Range& range) {
    if constexpr (std::ranges::forward_range<Range>) {
      buffer_ = shared_buffer(bytes_of(static_cast<std::size_t>(std::ranges::distance(range))));
      std::ranges::uninitialized_copy(range, std::ranges::subrange(begin(), end()));
    } else {
      std::vector<T> values;
      for (auto&& value : range) values.push_back(static_cast<T>(value));
      *this = shared_array(values);
    }
  }
  /// So many elements' bytes; more than there can be, if that is no number.
  static std::size_t bytes_of(std::size_t count) noexcept {
    constexpr std::size_t most = std::numeric_limits<std::size_t>::max();
    return count > most / sizeof(T) ? most : count * sizeof(T);
  }

  shared_buffer buffer_;
};

template <std::ranges::input_range Range>
explicit shared_array(Range&&) -> shared_array<std::ranges::range_value_t<Range>>;

}  // namespace fanout
