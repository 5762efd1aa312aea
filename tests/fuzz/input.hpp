// SPDX-License-Identifier: Apache-2.0
// What a fuzzer gives, taken piece by piece: numbers of any size, and bytes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>

namespace fanout_fuzz {

class input {
 public:
  input(const std::uint8_t* data, std::size_t size) noexcept : left_(std::as_bytes(std::span(data, size))) {}

  bool empty() const noexcept { return left_.empty(); }
  /// Zeroes where nothing is left.
  template <class T>
  T number() noexcept {
    T value{};
    const auto from = bytes(sizeof value);
    std::memcpy(&value, from.data(), from.size());
    return value;
  }
  /// Fewer where no more are left.
  std::span<const std::byte> bytes(std::size_t count) noexcept {
    const auto taken = left_.first(std::min(count, left_.size()));
    left_ = left_.subspan(taken.size());
    return taken;
  }
  std::span<const std::byte> rest() noexcept { return bytes(left_.size()); }

 private:
  std::span<const std::byte> left_;
};

/// What must hold, whatever the input.
inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

}  // namespace fanout_fuzz
