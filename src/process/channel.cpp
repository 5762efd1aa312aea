// SPDX-License-Identifier: Apache-2.0
// Who sleeps says so, then looks once more; who has something for a sleeper publishes it, then looks whether it sleeps.
// Both are sequentially consistent, so one of the two sees the other.
#include "channel.hpp"

#include <sched.h>
#include <sys/socket.h>

#include <stdexcept>

#include "looking.hpp"
#include "shared_futex.hpp"

namespace fanout::detail {

std::pair<descriptor, descriptor> make_socket_pair(int type) {
  int ends[2];
  checked(::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends), "socketpair");
  return {descriptor(ends[0]), descriptor(ends[1])};
}

// --- the program's end

channel::channel(const descriptor& memory, const descriptor& socket)
    : socket_(socket.get()),
      memory_(memory),
      input_(memory_.to_program()),
      output_(memory_.to_worker()),
      own_slabs_(socket.get()),
      slabs_(socket.get()) {}

std::uint64_t channel::send(frame_header header, std::span<const std::byte> own, const outgoing_message& borrowed) {
  if (!borrowed.blocks.empty()) header.blocks = send_blocks(socket_, borrowed.blocks);
  const bool is_for_slab = sends_slabs_ && borrowed.bytes.size() >= least_in_slab;
  const auto part = is_for_slab ? own_slabs_.name(borrowed.bytes) : std::nullopt;
  if (!part) {
    put(header, own, borrowed.bytes);
    return 0;
  }
  byte_buffer body;
  body.append(own.data(), own.size());
  body.append_value(*part);
  header.kind = in_slab(header.kind);
  put(header, body.bytes(), {});
  return part->slab;
}

void channel::put(const frame_header& header, std::span<const std::byte> own, std::span<const std::byte> borrowed) {
  frame_sink::outgoing what{.header = header, .first = own, .second = borrowed};
  what.header.length = own.size() + borrowed.size();
  if (waiting_.empty() && output_.put(what)) return wake_worker(awaited_by_worker::input);
  piece& kept = waiting_.emplace_back(byte_buffer(), what);
  kept.own.append(own.data(), own.size());
  kept.what.first = kept.own.bytes();
  if (kept.what.sent != 0) wake_worker(awaited_by_worker::input);
  flush();
}

bool channel::flush() {
  bool sent = false;
  while (!waiting_.empty()) {
    if (!output_.has_room_for(waiting_.front().what)) {
      page().program_wants_room.store(1, std::memory_order_seq_cst);
      std::atomic_thread_fence(std::memory_order_seq_cst);
      if (!output_.has_room_for(waiting_.front().what)) break;
    }
    sent = true;
    if (output_.put(waiting_.front().what)) waiting_.pop_front();
  }
  if (sent) wake_worker(awaited_by_worker::input);
  return waiting_.empty();
}

/// False: there is nothing in it. The worker waits until it was taken, and then looks whether it was refused.
bool channel::complete(frame& f) {
  if (f.header.blocks != 0) {
    blocks_.clear();
    slabs_are_nonsense_ = !receive_blocks(socket_, f.header.blocks, blocks_);
    if (slabs_are_nonsense_) return false;
    f.blocks = blocks_;
  }
  if (in_ring(f.header.kind) == f.header.kind) return true;
  switch (slabs_.complete(f)) {
    case slab_receiver::outcome::there:
      if (f.rest.empty()) return true;
      slabs_are_nonsense_ = !f.body.empty();  // an answer is in one piece
      f.body = f.rest;
      return !slabs_are_nonsense_;
    case slab_receiver::outcome::unavailable:
      slabs_.forget();
      page().slab_is_refused.store(1, std::memory_order_relaxed);
      return false;
    case slab_receiver::outcome::nonsense:
      slabs_are_nonsense_ = true;
  }
  return false;
}

void channel::wake_worker(awaited_by_worker event) noexcept {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  auto& sleeps = page().worker_sleeps;
  if (sleeps.load(std::memory_order_relaxed) != event) return;
  sleeps.store(awaited_by_worker::nothing, std::memory_order_seq_cst);
  shared_futex_wake(sleeps);
}

// --- the worker's end

worker_channel::worker_channel(worker_surroundings all, const descriptor& socket)
    : socket_(socket.get()),
      memory_(all.memory),
      program_page_(map_shared(all.program_page, sizeof(program_page), false)),
      leader_bell_(map_shared(all.leader_bell, sizeof(leader_bell), true)),
      doorbell_(std::move(all.doorbell)),
      input_(memory_.to_worker()),
      output_(memory_.to_program()),
      own_slabs_(socket.get()),
      slabs_(socket.get()) {}

template <class Condition>
bool worker_channel::sleep_until(awaited_by_worker event, const Condition& there, const timespec* limit) noexcept {
  auto& sleeps = page().worker_sleeps;
  bool in_time = true;
  while (in_time && !there()) {
    sleeps.store(event, std::memory_order_seq_cst);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (!there()) in_time = shared_futex_wait(sleeps, event, limit);
    sleeps.store(awaited_by_worker::nothing, std::memory_order_relaxed);
  }
  return in_time;
}

/// If the program is on another CPU, from where it takes long to be woken. On the same one it gets on when this sleeps.
template <class Condition>
bool worker_channel::look_for(const Condition& there) noexcept {
  const auto here = static_cast<std::uint32_t>(::sched_getcpu());
  page().worker_cpu.store(here, std::memory_order_relaxed);
  if (page().program_cpu.load(std::memory_order_relaxed) == here || !habit_.is_worth_it()) return false;
  const bool found = look_for_a_while(there);
  habit_.looked(found);
  return found;
}

void worker_channel::wait_for_input() noexcept {
  const auto there = [this] { return input_.has_news() || input_.corrupt(); };
  if (look_for(there)) return;
  constexpr timespec limit{.tv_sec = 0, .tv_nsec = recent_blocks::kept_for.count()};
  if (!recent_blocks_.empty() && !sleep_until(awaited_by_worker::input, there, &limit)) recent_blocks_.clear();
  sleep_until(awaited_by_worker::input, there);
}

frame worker_channel::next() {
  slabs_.release();
  if (!blocks_.empty() || !recent_blocks_.empty()) keep_blocks();
  for (;;) {
    auto f = input_.next();
    tell_of_room();
    if (f && complete(*f)) return *f;
    if (f) continue;
    if (input_.corrupt()) throw std::runtime_error("what the program sent makes no sense");
    wait_for_input();
  }
}

/// False: it cannot be read, and the program was told. It sends the run again, through a ring.
bool worker_channel::complete(frame& f) {
  if (!receive_blocks(socket_, f.header.blocks, blocks_))
    throw std::runtime_error("what the program sent makes no sense");
  f.blocks = blocks_;
  switch (slabs_.complete(f)) {
    case slab_receiver::outcome::there:
      return true;
    case slab_receiver::outcome::unavailable:
      blocks_.clear();
      put({.run = f.header.run, .item = 0, .kind = frame_kind::returned}, {}, true);
      return false;
    case slab_receiver::outcome::nonsense:
      throw std::runtime_error("what the program sent makes no sense");
  }
  return false;
}

void worker_channel::keep_blocks() {
  const auto now = std::chrono::steady_clock::now();
  recent_blocks_.add(blocks_, now);
  recent_blocks_.drop_old(now);
  blocks_.clear();
}

void worker_channel::tell_of_room() noexcept {
  if (!input_.gave_room()) return;
  std::atomic_thread_fence(std::memory_order_seq_cst);
  auto& wants = page().program_wants_room;
  if (wants.load(std::memory_order_relaxed) == 0) return;
  wants.store(0, std::memory_order_seq_cst);
  ring();
}

namespace {

bool may_be_short(const frame_header& header, std::span<const std::byte> body) noexcept {
  return header.kind == frame_kind::value && header.run != 0 && header.blocks == 0 && header.took == 0 &&
         body.size() <= longest_short_body;
}

}  // namespace

void worker_channel::send(frame_header header, const outgoing_message& message, bool wakes) {
  if (!message.blocks.empty()) header.blocks = send_blocks(socket_, message.blocks);
  const auto body = message.bytes;
  if (may_be_short(header, body) && output_.put_short(body)) {
    if (wakes) ring();
    return;
  }
  if (body.size() < least_in_slab || !put_in_slab(header, body)) put(header, body, wakes);
}

/// False: it was not sent. When this returns nobody reads the slab any more.
bool worker_channel::put_in_slab(const frame_header& header, std::span<const std::byte> body) {
  const auto part = own_slabs_.name(body);
  if (!part) return false;
  auto& is_refused = page().slab_is_refused;
  is_refused.store(0, std::memory_order_relaxed);
  frame_header there = header;
  there.kind = in_slab(header.kind);
  put(there, std::as_bytes(std::span(&*part, 1)), true);
  sleep_until(awaited_by_worker::room, [this] { return output_.all_was_taken(); });
  if (is_refused.load(std::memory_order_relaxed) == 0) return true;
  own_slabs_.forget(part->slab);
  return false;
}

void worker_channel::put(const frame_header& header, std::span<const std::byte> body, bool wakes) {
  frame_sink::outgoing what{.header = header, .first = body, .second = {}};
  what.header.length = body.size();
  while (!output_.put(what)) {
    ring();
    sleep_until(awaited_by_worker::room, [&] { return output_.has_room_for(what); });
  }
  if (wakes) ring();
}

void worker_channel::ring() noexcept {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  const auto& sleeps = reinterpret_cast<const program_page*>(program_page_.data())->sleeps;
  const std::uint64_t now = sleeps.load(std::memory_order_seq_cst);
  if ((now & program_page::asleep) == 0 || now == rung_for_) return;
  rung_for_ = now;
  if ((now & program_page::by_word) != 0) return reinterpret_cast<leader_bell*>(leader_bell_.data())->ring();
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(doorbell_.get(), &one, sizeof one);
}

}  // namespace fanout::detail
