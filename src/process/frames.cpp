// SPDX-License-Identifier: Apache-2.0
#include "frames.hpp"

#include <algorithm>
#include <cstring>

namespace fanout::detail {

// --- reading

void frame_source::take(std::size_t count) noexcept {
  ring_.take(count);
  gave_room_ = true;
}

void frame_source::release() noexcept {
  if (in_place_ != 0) take(std::exchange(in_place_, 0));
  if (!gathering_ || gathered_.size() != header_.length) return;
  gathering_ = false;
  gathered_.clear();
  if (gathered_.capacity() > largest_kept) gathered_ = byte_buffer();
}

std::optional<frame> frame_source::give_up() noexcept {
  corrupt_ = true;
  return std::nullopt;
}

std::optional<frame> frame_source::next() {
  release();
  if (corrupt()) return std::nullopt;
  if (gathering_) return gather();
  const auto there = ring_.readable();
  if (there.empty()) return std::nullopt;
  std::uint64_t word;
  if (there.size() < sizeof word) return give_up();
  std::memcpy(&word, there.data(), sizeof word);
  if ((word & short_frame) != 0) return next_short(word, there);
  frame f;
  if (there.size() < sizeof f.header) return give_up();
  std::memcpy(&f.header, there.data(), sizeof f.header);
  if (f.header.length > largest) return give_up();
  const std::size_t size = sizeof f.header + static_cast<std::size_t>(f.header.length);
  if (size > ring_.capacity()) {
    header_ = f.header;
    gathering_ = true;
    take(sizeof f.header);
    return gather();
  }
  if (size > there.size()) return give_up();  // one that fits is published whole
  f.body = there.subspan(sizeof f.header, static_cast<std::size_t>(f.header.length));
  in_place_ = size;
  return f;
}

std::optional<frame> frame_source::next_short(std::uint64_t word, std::span<const std::byte> there) noexcept {
  const std::uint64_t length = word & ~short_frame;
  if (length > longest_short_body || length > there.size() - sizeof word) return give_up();
  in_place_ = sizeof word + static_cast<std::size_t>(length);
  return frame{.header = {.run = short_frame, .kind = frame_kind::value, .length = length},
               .body = there.subspan(sizeof word, static_cast<std::size_t>(length)),
               .rest = {}};
}

std::optional<frame> frame_source::gather() {
  const auto there = ring_.readable();
  const std::size_t part = std::min(there.size(), static_cast<std::size_t>(header_.length) - gathered_.size());
  if (part == 0) return std::nullopt;
  gathered_.append(there.data(), part);
  take(part);
  if (gathered_.size() != header_.length) return std::nullopt;
  return frame{.header = header_, .body = gathered_.bytes(), .rest = {}};
}

// --- writing

/// One that fits goes in whole. Of a larger one the header does, and after that whatever there is room for, though not
/// by a few bytes at a time.
std::size_t frame_sink::least_step(const outgoing& what) const noexcept {
  const std::size_t left = what.size() - what.sent;
  return what.size() <= ring_.capacity() ? left : std::min(left, ring_.capacity() / 2);
}

bool frame_sink::put(outgoing& what) noexcept {
  std::size_t room = ring_.room();
  if (what.sent == 0 && room >= what.size()) {  // as nearly always
    ring_.put(std::as_bytes(std::span(&what.header, 1)));
    ring_.put(what.first);
    ring_.put(what.second);
    what.sent = what.size();
    ring_.publish();
    return true;
  }
  if (room < least_step(what)) return false;
  put_part(std::as_bytes(std::span(&what.header, 1)), 0, what, room);
  put_part(what.first, sizeof what.header, what, room);
  put_part(what.second, sizeof what.header + what.first.size(), what, room);
  ring_.publish();
  return what.done();
}

bool frame_sink::put_short(std::span<const std::byte> body) noexcept {
  const std::uint64_t word = short_frame | body.size();
  if (!ring_.has_room(sizeof word + body.size())) return false;
  ring_.put(std::as_bytes(std::span(&word, 1)));
  ring_.put(body);
  ring_.publish();
  return true;
}

/// `begin`: where this part begins in the frame.
void frame_sink::put_part(std::span<const std::byte> part, std::size_t begin, outgoing& what,
                          std::size_t& room) noexcept {
  if (what.sent < begin || what.sent >= begin + part.size()) return;
  const std::size_t size = std::min(begin + part.size() - what.sent, room);
  ring_.put(part.subspan(what.sent - begin, size));
  what.sent += size;
  room -= size;
}

}  // namespace fanout::detail
