// SPDX-License-Identifier: Apache-2.0
// The program's ends of a worker's rings, while the worker writes anything anywhere: frames, pieces of such, other
// bytes, other indices, at any time; and names slabs that are there, or are not. A page that cannot be touched follows
// each ring.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "input.hpp"
#include "process/frames.hpp"
#include "process/passing.hpp"
#include "process/shared_memory.hpp"
#include "process/slab_exchange.hpp"

namespace {

using namespace fanout::detail;
using fanout_fuzz::input;
using fanout_fuzz::require;

constexpr std::size_t capacity = 4096;

/// A ring of one page, mapped twice in a row.
class small_ring {
 public:
  small_ring() {
    const descriptor memory = make_shared_memory("fanout-fuzz", capacity);
    mapping_plan plan(3 * capacity);
    plan.map(memory, 0, capacity, true);
    plan.map(memory, 0, capacity, true);
    area_ = plan.done();
  }

  ring_indices& indices() noexcept { return indices_; }
  ring_view view() noexcept { return {&indices_, area_.data(), capacity}; }
  std::span<std::byte> bytes() noexcept { return {area_.data(), capacity}; }
  bool holds(std::span<const std::byte> part) const noexcept {
    return part.data() >= area_.data() && part.data() + part.size() <= area_.data() + 2 * capacity;
  }
  void clear() noexcept {
    indices_.tail = 0;
    indices_.head = 0;
    std::ranges::fill(bytes(), std::byte{0});
  }

 private:
  ring_indices indices_{};
  mapping area_;
};

/// What a worker may say is a slab: two that could be, the second not of whole pages, and one that could shrink.
class claimed_slabs {
 public:
  int operator[](std::size_t which) const noexcept { return which < all_.size() ? all_[which].get() : 0; }

 private:
  static descriptor make(off_t size, int seals) {
    descriptor file(checked(::memfd_create("fanout-fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING), "memfd_create"));
    checked(::ftruncate(file.get(), size), "ftruncate");
    checked(::fcntl(file.get(), F_ADD_SEALS, seals), "sealing");
    return file;
  }
  const std::array<descriptor, 3> all_{make(3 * capacity, F_SEAL_SHRINK), make(capacity + 1, F_SEAL_SHRINK),
                                       make(capacity, 0)};
};

/// A worker that does what the input says, and the program that reads, and writes, on.
class conversation {
 public:
  conversation(small_ring& from_worker, small_ring& to_worker)
      : from_(from_worker), to_(to_worker), source_(from_.view()), sink_(to_.view()), slabs_(ends_.first.get()) {}

  void go_on(input& in) {
    switch (in.number<std::uint8_t>() % 12) {
      case 0:
        return worker_writes(in.bytes(in.number<std::uint16_t>() % capacity));
      case 1:
        return worker_sends_frame(in);
      case 2:
        return from_.indices().tail.store(in.number<std::uint64_t>());
      case 3:
        return worker_overwrites(from_, in);
      case 4:
        return to_.indices().head.store(in.number<std::uint64_t>());
      case 5:
        return to_.indices().head.store(to_.indices().tail.load());  // it has read everything
      case 6:
        return source_.release();
      case 7:
        return program_sends(in);
      case 9:
        return worker_tells_of_slab(in);
      case 10:
        return worker_names_slab(in);
      case 11:
        return worker_sends_short_frame(in);
      default:
        return program_reads();
    }
  }

 private:
  /// As it should, unless it has changed the index.
  void worker_writes(std::span<const std::byte> bytes) {
    const std::uint64_t tail = from_.indices().tail.load();
    for (std::size_t i = 0; i < bytes.size(); ++i) from_.bytes()[(tail + i) % capacity] = bytes[i];
    from_.indices().tail.store(tail + bytes.size());
  }
  void worker_sends_frame(input& in) {
    frame_header header{.run = in.number<std::uint8_t>(), .item = 0, .kind = frame_kind::value};
    const auto body = in.bytes(in.number<std::uint16_t>() % capacity);
    header.length = body.size() + in.number<std::uint8_t>() % 2 * in.number<std::uint16_t>();
    worker_writes(std::as_bytes(std::span(&header, 1)));
    worker_writes(body);
  }
  void worker_sends_short_frame(input& in) {
    const auto body = in.bytes(in.number<std::uint16_t>() % (2 * longest_short_body));
    const std::uint64_t word = short_frame | (body.size() + in.number<std::uint8_t>() % 2 * in.number<std::uint64_t>());
    worker_writes(std::as_bytes(std::span(&word, 1)));
    worker_writes(body);
  }
  void worker_tells_of_slab(input& in) {
    static const claimed_slabs claimed;
    const slab_notice notice{in.number<std::uint8_t>() % std::uint64_t{8}};
    send_with(std::array{claimed[in.number<std::uint8_t>() % 4]}, ends_.second.get(), notice, MSG_DONTWAIT);
  }
  void worker_names_slab(input& in) {
    slab_part part{.slab = in.number<std::uint8_t>() % std::uint64_t{8},
                   .offset = in.number<std::uint16_t>(),
                   .length = in.number<std::uint16_t>(),
                   .is_kept = in.number<std::uint8_t>() % std::uint64_t{2}};
    if (in.number<std::uint8_t>() % 16 == 0) part.length += in.number<std::uint64_t>();
    const frame_header header{.run = 1, .item = 0, .kind = frame_kind::value_in_slab, .length = sizeof part};
    worker_writes(std::as_bytes(std::span(&header, 1)));
    worker_writes(std::as_bytes(std::span(&part, 1)));
  }
  static void worker_overwrites(small_ring& ring, input& in) {
    const std::size_t at = in.number<std::uint16_t>() % capacity;
    const auto bytes = in.bytes(in.number<std::uint8_t>());
    for (std::size_t i = 0; i < bytes.size(); ++i) ring.bytes()[(at + i) % capacity] = bytes[i];
  }

  void program_reads() {
    if (is_given_up_) return;
    const bool was_corrupt = source_.corrupt();
    auto f = source_.next();
    if (!f) return;
    require(!was_corrupt, "nothing comes out of a ring that is corrupt");
    require(f->body.size() == f->header.length, "a frame has the length that its header says");
    require(f->header.run != short_frame || f->body.size() <= longest_short_body, "a short frame is short");
    require(sizeof f->header + f->body.size() > capacity || from_.holds(f->body), "a small frame lies in the ring");
    const std::vector<std::byte> all(f->body.begin(), f->body.end());  // all of it can be read
    require(all.size() == f->body.size(), "it was copied");
    program_looks_into_slab(*f);
  }

  void program_looks_into_slab(frame f) {
    const auto outcome = slabs_.complete(f);
    require(f.header.kind == in_ring(f.header.kind) || outcome == slab_receiver::outcome::nonsense,
            "it was looked for");
    is_given_up_ = outcome == slab_receiver::outcome::nonsense;
    if (outcome == slab_receiver::outcome::unavailable) slabs_.forget();
    if (outcome != slab_receiver::outcome::there) return;
    const std::vector<std::byte> all(f.rest.begin(), f.rest.end());
    require(all.size() == f.rest.size(), "it was copied");
  }

  static std::pair<descriptor, descriptor> make_ends() {
    int ends[2];
    checked(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), "socketpair");
    return {descriptor(ends[0]), descriptor(ends[1])};
  }

  void program_sends(input& in) {
    if (!under_way_) {
      body_.assign(in.number<std::uint16_t>() % (3 * capacity), std::byte{7});
      const std::size_t half = body_.size() / 2;
      under_way_ = frame_sink::outgoing{.header = {.length = body_.size()},
                                        .first = std::span(body_).first(half),
                                        .second = std::span(body_).subspan(half)};
    }
    const std::size_t sent = under_way_->sent;
    const bool had_room = sink_.has_room_for(*under_way_);
    const bool done = sink_.put(*under_way_);
    require(under_way_->sent >= sent && under_way_->sent <= under_way_->size(), "no more is sent than there is");
    require(under_way_->sent - sent <= capacity, "no more at a time than the ring holds");
    require(had_room == (under_way_->sent != sent), "it gets on if there was room");
    require(done == (under_way_->sent == under_way_->size()), "it is done when all is sent");
    if (done) under_way_.reset();
  }

  small_ring& from_;
  small_ring& to_;
  frame_source source_;
  frame_sink sink_;
  const std::pair<descriptor, descriptor> ends_ = make_ends();
  slab_receiver slabs_;
  bool is_given_up_ = false;
  std::vector<std::byte> body_;
  std::optional<frame_sink::outgoing> under_way_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static small_ring from_worker, to_worker;
  from_worker.clear();
  to_worker.clear();
  conversation between(from_worker, to_worker);
  for (input in(data, size); !in.empty();) between.go_on(in);
  return 0;
}
