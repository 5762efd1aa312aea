// SPDX-License-Identifier: Apache-2.0
#include "slab_exchange.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cstring>
#include <system_error>

#include "passing.hpp"

namespace fanout::detail {

std::optional<slab_part> slab_sender::name(std::span<const std::byte> bytes) noexcept {
  const auto place = slab_store::get().find(bytes);
  if (!place) return std::nullopt;
  if (!place->is_kept || named_.find(place->slab) == nullptr) {
    if (send_with(std::array{place->file}, socket_, slab_notice{place->slab}, MSG_DONTWAIT) != sizeof(slab_notice))
      return std::nullopt;
    if (place->is_kept) named_.add({place->slab});
  }
  return slab_part{
      .slab = place->slab, .offset = place->offset, .length = bytes.size(), .is_kept = place->is_kept ? 1U : 0U};
}

namespace {

bool is_within(const slab_part& part, std::uint64_t size) noexcept {
  return part.offset <= size && part.length <= size - part.offset;
}

/// How long it is, and will be: nobody can shrink it. 0: it is no such memory.
std::uint64_t lasting_size(const descriptor& file) noexcept {
  const int seals = ::fcntl(file.get(), F_GET_SEALS);
  struct stat about{};
  if (seals < 0 || (seals & F_SEAL_SHRINK) == 0 || ::fstat(file.get(), &about) != 0) return 0;
  return static_cast<std::uint64_t>(about.st_size);
}

mapping map_for_reading(const descriptor& file, std::uint64_t offset, std::size_t size) {
  mapping_plan plan(size);
  plan.map(file, static_cast<std::size_t>(offset), size, false);
  return plan.done();
}

}  // namespace

/// Copied before it is checked: it lies where the other side can write.
slab_receiver::outcome slab_receiver::complete(frame& f) noexcept {
  const frame_kind kind = in_ring(f.header.kind);
  if (kind == f.header.kind) return outcome::there;
  slab_part part;
  if (f.body.size() < sizeof part) return outcome::nonsense;
  const std::size_t before = f.body.size() - sizeof part;
  std::memcpy(&part, f.body.data() + before, sizeof part);
  f.header.kind = kind;
  f.body = f.body.first(before);
  return look(part, f.rest);
}

slab_receiver::outcome slab_receiver::look(const slab_part& part, std::span<const std::byte>& bytes) noexcept {
  release();
  latest_ = part.slab;
  if (part.slab == 0 || part.length == 0) return outcome::nonsense;
  named* const known = part.is_kept != 0 ? named_.find(part.slab) : nullptr;
  try {
    if (known == nullptr) return look_at_new(part, bytes);
  } catch (const std::system_error&) {  // it cannot be mapped
    return outcome::unavailable;
  }
  if (known->memory.size() == 0) return outcome::unavailable;
  if (!is_within(part, known->memory.size())) return outcome::nonsense;
  bytes = {known->memory.data() + part.offset, static_cast<std::size_t>(part.length)};
  return outcome::there;
}

slab_receiver::outcome slab_receiver::look_at_new(const slab_part& part, std::span<const std::byte>& bytes) {
  const auto file = receive(part.slab);
  if (!file) return outcome::nonsense;
  named* const kept = part.is_kept != 0 ? &named_.add({part.slab, mapping()}) : nullptr;
  if (!*file) return outcome::unavailable;
  const std::uint64_t size = lasting_size(*file);
  if (!is_within(part, size)) return outcome::nonsense;
  // One that is not left mapped may be large, and this only a part of it.
  const std::uint64_t begin = kept != nullptr ? 0 : part.offset / whole_pages(1) * whole_pages(1);
  const std::uint64_t end = kept != nullptr ? size : part.offset + part.length;
  mapping& memory = kept != nullptr ? kept->memory : passing_;
  memory = map_for_reading(*file, begin, whole_pages(static_cast<std::size_t>(end - begin)));
  bytes = {memory.data() + (part.offset - begin), static_cast<std::size_t>(part.length)};
  return outcome::there;
}

/// Nothing: it was not sent before the frame that names it. Without a descriptor: there was no room for it.
std::optional<descriptor> slab_receiver::receive(std::uint64_t slab) noexcept {
  slab_notice notice;
  std::array<descriptor, 1> passed;
  const ssize_t size = receive_with(passed, socket_, notice, MSG_DONTWAIT);
  if (size != sizeof notice || notice.slab != slab) return std::nullopt;
  return std::move(passed.front());
}

}  // namespace fanout::detail
