// SPDX-License-Identifier: Apache-2.0
// Tells whether two models returned the same bytes, without keeping them.
#pragma once

#include <cstdint>
#include <string_view>

namespace workloads {

/// Of bytes as they come: their number, and FNV-1a of 64 bits. Not for bytes that somebody has chosen to deceive.
class digest {
 public:
  void append(std::string_view bytes) {
    for (const char byte : bytes) hash_ = (hash_ ^ static_cast<unsigned char>(byte)) * 1099511628211U;
    size_ += bytes.size();
  }

  std::uint64_t hash() const { return hash_; }
  std::uint64_t size() const { return size_; }

 private:
  std::uint64_t hash_ = 14695981039346656037U;
  std::uint64_t size_ = 0;
};

}  // namespace workloads
