// SPDX-License-Identifier: Apache-2.0
#include "welcome.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include "passing.hpp"

namespace fanout::detail {

namespace {

constexpr auto descriptors = static_cast<std::size_t>(welcome_fd::count);

}  // namespace

void send_welcome(const descriptor& socket, const welcome& greeting, const descriptor& memory,
                  const program_surroundings& program) {
  const std::array<int, descriptors> passed{memory.get(), program.page.get(), program.leader_bell.get(),
                                            program.doorbell.get()};
  checked(static_cast<int>(send_with(passed, socket.get(), greeting, 0)), "sendmsg");
}

std::optional<worker_surroundings> receive_welcome(const descriptor& socket) {
  worker_surroundings all;
  std::array<descriptor, descriptors> passed;
  const ssize_t size = receive_with(passed, socket.get(), all.greeting, 0);
  if (!std::ranges::all_of(passed, [](const descriptor& d) { return static_cast<bool>(d); })) return std::nullopt;
  const auto taken = [&](welcome_fd which) { return std::move(passed[static_cast<std::size_t>(which)]); };
  all.memory = taken(welcome_fd::worker_memory);
  all.program_page = taken(welcome_fd::program_page);
  all.leader_bell = taken(welcome_fd::leader_bell);
  all.doorbell = taken(welcome_fd::doorbell);
  if (size != sizeof all.greeting || all.greeting.version != protocol_version) return std::nullopt;
  return all;
}

}  // namespace fanout::detail
