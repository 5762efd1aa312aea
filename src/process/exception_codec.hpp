// SPDX-License-Identifier: Apache-2.0
// Exceptions to bytes and back: as the same type where it is one of the standard's or of fanout's, or was registered.
#pragma once

#include <cstddef>
#include <exception>
#include <span>

#include "fanout/detail/byte_buffer.hpp"

namespace fanout::detail {

/// As many exceptions of a chain travel, each the cause of the one before. The last says that there were more.
inline constexpr std::size_t longest_chain = 64;

/// Inside a catch block: appends what is being handled, with what caused it.
void encode_current_exception(byte_buffer& out);

/// Its exact type if that can be rebuilt, else remote_error; serialization_error if the bytes make no sense.
std::exception_ptr decode_exception(std::span<const std::byte> bytes) noexcept;

}  // namespace fanout::detail
