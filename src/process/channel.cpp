// SPDX-License-Identifier: Apache-2.0
// Who sleeps says so, then looks once more; who has something for a sleeper publishes it, then looks whether it sleeps.
// Both are sequentially consistent, so one of the two sees the other.
#include "channel.hpp"

#include <sys/socket.h>

#include <stdexcept>

#include "shared_futex.hpp"

namespace fanout::detail {

std::pair<descriptor, descriptor> make_socket_pair(int type) {
  int ends[2];
  checked(::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends), "socketpair");
  return {descriptor(ends[0]), descriptor(ends[1])};
}

// --- the program's end

channel::channel(const descriptor& memory)
    : memory_(memory), input_(memory_.to_program()), output_(memory_.to_worker()) {}

void channel::send(const frame_header& header, std::span<const std::byte> own, std::span<const std::byte> borrowed) {
  frame_sink::outgoing what{.header = header, .first = own, .second = borrowed};
  what.header.length = own.size() + borrowed.size();
  if (waiting_.empty() && output_.put(what)) return wake_worker();
  piece& kept = waiting_.emplace_back(byte_buffer(), what);
  kept.own.append(own.data(), own.size());
  kept.what.first = kept.own.bytes();
  if (kept.what.sent != 0) wake_worker();
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
  if (sent) wake_worker();
  return waiting_.empty();
}

void channel::wake_worker() noexcept {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  auto& sleeps = page().worker_sleeps;
  if (sleeps.load(std::memory_order_relaxed) == 0) return;
  sleeps.store(0, std::memory_order_seq_cst);
  shared_futex_wake(sleeps);
}

// --- the worker's end

namespace {

mapping map_program_page(const descriptor& memory) {
  mapping_plan plan(whole_pages(sizeof(program_page)));
  plan.map(memory, 0, whole_pages(sizeof(program_page)), false);
  return plan.done();
}

}  // namespace

worker_channel::worker_channel(worker_surroundings all)
    : memory_(all.memory),
      program_page_(map_program_page(all.program_page)),
      bell_(std::move(all.bell)),
      input_(memory_.to_worker()),
      output_(memory_.to_program()) {}

template <class Condition>
void worker_channel::sleep_until(const Condition& there) noexcept {
  auto& sleeps = page().worker_sleeps;
  while (!there()) {
    sleeps.store(1, std::memory_order_seq_cst);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (!there()) shared_futex_wait(sleeps, 1);
    sleeps.store(0, std::memory_order_relaxed);
  }
}

frame worker_channel::next() {
  for (;;) {
    const auto f = input_.next();
    tell_of_room();
    if (f) return *f;
    if (input_.corrupt()) throw std::runtime_error("what the program sent makes no sense");
    sleep_until([this] { return input_.has_news() || input_.corrupt(); });
  }
}

void worker_channel::tell_of_room() noexcept {
  if (!input_.gave_room()) return;
  std::atomic_thread_fence(std::memory_order_seq_cst);
  auto& wants = page().program_wants_room;
  if (wants.load(std::memory_order_relaxed) == 0) return;
  wants.store(0, std::memory_order_seq_cst);
  ring();
}

void worker_channel::send(const frame_header& header, std::span<const std::byte> body, bool wakes) {
  frame_sink::outgoing what{.header = header, .first = body, .second = {}};
  what.header.length = body.size();
  while (!output_.put(what)) {
    ring();
    sleep_until([&] { return output_.has_room_for(what); });
  }
  if (wakes) ring();
}

void worker_channel::ring() noexcept {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  const auto& sleeps = reinterpret_cast<const program_page*>(program_page_.data())->sleeps;
  const std::uint64_t now = sleeps.load(std::memory_order_seq_cst);
  if (now % 2 == 0 || now == rung_for_) return;
  rung_for_ = now;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(bell_.get(), &one, sizeof one);
}

}  // namespace fanout::detail
