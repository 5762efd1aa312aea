// SPDX-License-Identifier: Apache-2.0
// The one message over a worker's socket: its memory, and how to ring for the program.
#pragma once

#include <optional>

#include "channel.hpp"
#include "descriptor.hpp"
#include "wire.hpp"

namespace fanout::detail {

/// What is the same for all workers of a program.
struct program_surroundings {
  const descriptor &page, &leader_bell, &doorbell;
};

/// Program: the other side may not be there yet. Throws std::system_error.
void send_welcome(const descriptor& socket, const welcome& greeting, const descriptor& memory,
                  const program_surroundings& program);

/// Worker: waits for it. Nothing: the program is gone, does not want it any more, or speaks another version.
std::optional<worker_surroundings> receive_welcome(const descriptor& socket);

}  // namespace fanout::detail
