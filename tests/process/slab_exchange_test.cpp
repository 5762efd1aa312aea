// SPDX-License-Identifier: Apache-2.0
// Both ends of an exchange of slabs, in one process.
#include "process/slab_exchange.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <deque>
#include <optional>
#include <random>
#include <span>
#include <utility>
#include <vector>

#include "fanout/detail/byte_buffer.hpp"
#include "support.hpp"

namespace {

using fanout::detail::byte_buffer;
using fanout::detail::descriptor;
using fanout::detail::frame;
using fanout::detail::frame_kind;
using fanout::detail::kept_by_program;
using fanout::detail::kept_slabs;
using fanout::detail::largest_kept_slab;
using fanout::detail::least_in_slab;
using fanout::detail::most_kept_slabs;
using fanout::detail::slab_part;
using fanout::detail::slab_receiver;
using fanout::detail::slab_sender;

constexpr std::size_t mebibyte = std::size_t{1} << 20;

/// A sender and a receiver, and what has not been received yet.
class exchange {
 public:
  bool send(const byte_buffer& b) {
    const auto part = sender_.name(b.bytes());
    if (part) parts_.push_back(*part);
    return part.has_value();
  }
  /// Takes what was sent first.
  std::optional<std::span<const std::byte>> receive() {
    body_ = parts_.front();
    parts_.pop_front();
    frame f{.header = {.kind = frame_kind::value_in_slab}, .body = std::as_bytes(std::span(&body_, 1)), .rest = {}};
    if (receiver_.complete(f) != slab_receiver::outcome::there) return std::nullopt;
    return f.rest;
  }
  bool is_empty() const { return parts_.empty(); }

 private:
  const std::pair<descriptor, descriptor> ends_ = fanout::detail::make_socket_pair(SOCK_STREAM);
  slab_sender sender_{ends_.first.get()};
  slab_receiver receiver_{ends_.second.get()};
  std::deque<slab_part> parts_;
  slab_part body_;
};

class ProcessPoolSlabExchange : public fanout_test::clean_process_test {};

bool holds(std::span<const std::byte> content, std::byte value) {
  return std::ranges::all_of(content, [value](std::byte b) { return b == value; });
}

/// In a slab of its own.
byte_buffer full_of(std::byte value) {
  byte_buffer buffer(fanout::detail::to_be_sent);
  std::memset(buffer.extend(mebibyte), static_cast<int>(value), mebibyte);
  return buffer;
}

TEST_F(ProcessPoolSlabExchange, FindsWhatWasNamedInWhateverOrderAndHoweverLate) {
  const kept_slabs kept(kept_by_program);
  exchange between;
  std::minstd_rand random(3);
  std::array<byte_buffer, 8> buffers;
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    buffers[i] = byte_buffer(fanout::detail::to_be_sent);
    const std::size_t size = i == 7 ? largest_kept_slab + 1 : least_in_slab + i * 10'000;
    std::memset(buffers[i].extend(size), static_cast<int>(i), size);
    ASSERT_TRUE(buffers[i].is_in_slab());
  }
  std::deque<std::size_t> sent;
  for (int round = 0; round < 2000; ++round) {
    if (sent.size() < 20 && random() % 2 == 0) {
      const std::size_t which = random() % (round % 100 == 0 ? 8 : 7);
      ASSERT_TRUE(between.send(buffers[which]));
      sent.push_back(which);
    } else if (!between.is_empty()) {
      const auto got = between.receive();
      ASSERT_TRUE(got);
      EXPECT_EQ(got->size(), buffers[sent.front()].size());
      EXPECT_TRUE(holds(got->first(1000), static_cast<std::byte>(sent.front())));
      EXPECT_TRUE(holds(got->last(1000), static_cast<std::byte>(sent.front())));
      sent.pop_front();
    }
  }
}

TEST_F(ProcessPoolSlabExchange, FindsWhatHasGrownSinceItWasSent) {
  const kept_slabs kept(kept_by_program);
  exchange between;
  byte_buffer buffer(fanout::detail::to_be_sent);
  for (std::size_t size = least_in_slab; size < 40 * mebibyte; size *= 2) {
    const std::size_t more = size - buffer.size();
    std::memset(buffer.extend(more), static_cast<int>(size >> 18), more);
    ASSERT_TRUE(between.send(buffer));
    const auto got = between.receive();
    ASSERT_TRUE(got);
    EXPECT_TRUE(std::ranges::equal(*got, buffer.bytes()));
  }
}

TEST_F(ProcessPoolSlabExchange, LeavesNoMemoryBehindWhereItIsStillMapped) {
  const kept_slabs kept(kept_by_program);
  exchange between;
  std::optional<byte_buffer> buffer(full_of(std::byte{1}));
  ASSERT_TRUE(between.send(*buffer));
  const auto got = between.receive();
  ASSERT_TRUE(got && holds(*got, std::byte{1}));
  fanout::detail::slab_store::get().keep_less(kept_by_program);
  buffer.reset();
  EXPECT_TRUE(holds(*got, std::byte{0})) << "its pages are gone";
  fanout::detail::slab_store::get().keep_more(kept_by_program);
}

TEST_F(ProcessPoolSlabExchange, LeavesWhatWasRetiredAsItIs) {
  const kept_slabs kept(kept_by_program);
  exchange between;
  std::optional<byte_buffer> buffer(full_of(std::byte{1}));
  ASSERT_TRUE(between.send(*buffer));
  const auto got = between.receive();
  ASSERT_TRUE(got);
  fanout::detail::slab_store::get().retire(fanout::detail::slab_store::get().find(buffer->bytes())->slab);
  buffer.reset();
  const byte_buffer other = full_of(std::byte{2});
  EXPECT_TRUE(holds(*got, std::byte{1}));
}

}  // namespace
