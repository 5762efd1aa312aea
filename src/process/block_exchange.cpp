// SPDX-License-Identifier: Apache-2.0
#include "block_exchange.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "memory_block.hpp"
#include "passing.hpp"
#include "wire.hpp"

namespace fanout::detail {

namespace {

/// Each once, by their numbers.
std::vector<memory_block*> distinct(std::span<const attached_block> blocks) {
  std::vector<memory_block*> all;
  all.reserve(blocks.size());
  for (const attached_block& b : blocks) all.push_back(b.block.get());
  const auto number = [](const memory_block* block) { return block->number(); };
  std::ranges::sort(all, {}, number);
  all.erase(std::ranges::unique(all).begin(), all.end());
  return all;
}

bool send_notice(int socket, std::span<memory_block* const> blocks) noexcept {
  block_notice notice{.count = static_cast<std::uint32_t>(blocks.size())};
  std::array<int, blocks_per_notice> files;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    notice.numbers[i] = blocks[i]->number();
    files[i] = blocks[i]->file();
  }
  return send_with(files, socket, notice, MSG_DONTWAIT, blocks.size()) == sizeof notice;
}

arrived_block receive(std::uint64_t number, descriptor file) {
  if (!file) return {.number = number, .block = {}, .error = EMFILE};
  try {
    return {.number = number, .block = memory_block::receive(std::move(file)), .error = 0};
  } catch (const std::system_error& error) {
    return {.number = number, .block = {}, .error = error.code().value()};
  }
}

}  // namespace

std::size_t count_blocks(std::span<const attached_block> blocks) {
  return blocks.size() <= 1 ? blocks.size() : distinct(blocks).size();
}

std::uint16_t send_blocks(int socket, std::span<const attached_block> blocks) {
  const auto all = distinct(blocks);
  const std::size_t most = std::min<std::size_t>(all.size(), UINT16_MAX);
  std::size_t sent = 0;
  while (sent < most) {
    const std::size_t some = std::min(most - sent, blocks_per_notice);
    if (!send_notice(socket, std::span(all).subspan(sent, some))) break;
    sent += some;
  }
  return static_cast<std::uint16_t>(sent);
}

bool receive_blocks(int socket, std::size_t count, std::vector<arrived_block>& to) {
  while (count > 0) {
    block_notice notice;
    std::array<descriptor, blocks_per_notice> files;
    if (receive_with(files, socket, notice, MSG_DONTWAIT) != sizeof notice) return false;
    if (notice.count == 0 || notice.count > std::min(count, blocks_per_notice)) return false;
    for (std::size_t i = 0; i < notice.count; ++i) to.push_back(receive(notice.numbers[i], std::move(files[i])));
    count -= notice.count;
  }
  return true;
}

void recent_blocks::add(std::span<const arrived_block> blocks, time_point now) {
  for (const arrived_block& b : blocks) {
    if (!b.block) continue;
    std::erase_if(all_, [&](const entry& e) { return e.block.get() == b.block.get(); });
    all_.push_back({b.block, now});
  }
  if (all_.size() > most) all_.erase(all_.begin(), all_.end() - most);
}

void recent_blocks::drop_old(time_point now) noexcept {
  std::erase_if(all_, [&](const entry& e) { return e.used + kept_for < now; });
}

}  // namespace fanout::detail
