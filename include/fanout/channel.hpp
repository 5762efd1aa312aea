// SPDX-License-Identifier: Apache-2.0
// channel<T>: values on their way from some coroutines to others.
#pragma once

#include <concepts>
#include <cstddef>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>

#include "fanout/detail/misuse.hpp"
#include "fanout/detail/ring_buffer.hpp"
#include "fanout/detail/wait_awaiter.hpp"
#include "fanout/detail/wait_list.hpp"
#include "fanout/errors.hpp"

namespace fanout {

namespace detail {
[[noreturn]] void throw_channel_closed();
}  // namespace detail

/// A queue with a bound and an end. Any number of coroutines, on whatever executors, send and receive; who waited
/// longest is served first, and values are received in the order in which they were accepted. All members may be called
/// from any thread.
///
///     receivers wait ◀──receive, send──▶ some buffered ◀──send, receive──▶ full, and senders wait
///
///     open ──close: who waits is woken──▶ closed: nothing is accepted ──receive──▶ and drained
///
/// A receiver waits only while nothing is buffered and nobody sends, a sender only while the buffer is full. Whoever
/// ends a wait does the other's part of it: puts the value into the receiver's hands, or takes it out of the sender's.
///
/// Values are moved while the channel's lock is held: a T must not use, while it is moved, the channel it travels by.
template <class T>
class channel {
  static_assert(
      std::is_nothrow_move_constructible_v<T>,
      "fanout: a channel moves its values where an exception would lose them: give the type a move constructor "
      "that is noexcept, or send a std::unique_ptr to it");

 public:
  /// Holds `capacity` values that nobody has received yet. 0: a sender waits until a receiver takes the value from it.
  explicit channel(std::size_t capacity) : buffer_(capacity) {}
  channel(const channel&) = delete;
  channel& operator=(const channel&) = delete;
  /// Destroys what is still buffered. Not while a coroutine waits for it.
  ~channel() {
    if (!senders_.empty() || !receivers_.empty()) {
      detail::terminate_for(
          "a channel is destroyed while a coroutine waits for it, which could never go on: let it outlive them, or "
          "close() it and wait until they have ended");
    }
  }

  /// `co_await c.send(value)`: goes on when the value is accepted. Throws channel_closed if the channel is closed
  /// before, `cancelled` if the coroutine is asked to stop before; the value then goes no further.
  [[nodiscard]] auto send(T value) noexcept { return send_awaiter(*this, std::move(value)); }

  /// `co_await c.receive()`: the next value, as soon as there is one; empty once the channel is closed and drained.
  /// Throws `cancelled` if the coroutine is asked to stop before.
  [[nodiscard]] auto receive() noexcept { return receive_awaiter(*this); }

  /// Sends without waiting. False: there is no room, or the channel is closed; `value` is as it was.
  [[nodiscard]] bool try_send(T&& value) noexcept {
    detail::wake_ups wake;
    const std::lock_guard lock(lock_);
    return !closed_ && accept(value, wake);
  }
  [[nodiscard]] bool try_send(const T& value)
    requires std::copy_constructible<T>
  {
    return try_send(T(value));
  }

  /// Receives without waiting. Empty: there is nothing, or nothing any more.
  [[nodiscard]] std::optional<T> try_receive() noexcept {
    detail::wake_ups wake;
    const std::lock_guard lock(lock_);
    std::optional<T> oldest;
    take(oldest, wake);
    return oldest;
  }

  /// From now on nothing is accepted: senders, those that wait too, get channel_closed. What is buffered can still be
  /// received. Again: does nothing.
  void close() noexcept {
    detail::wake_ups wake;
    const std::lock_guard lock(lock_);
    closed_ = true;
    while (receiving* const next = receivers_.take_first()) wake.add(*next);  // with nothing: nothing is buffered
    while (sending* const next = senders_.take_first()) {
      next->refused = true;
      wake.add(*next);
    }
  }

 private:
  struct sending : detail::queued_wait {
    sending(channel& c, T&& v) noexcept : to(c), value(std::move(v)) {}
    std::mutex& lock() noexcept { return to.lock_; }
    auto& list() noexcept { return to.senders_; }
    bool settle(detail::wake_ups& wake) noexcept {
      refused = to.closed_;
      return refused || to.accept(value, wake);
    }

    channel& to;
    T value;
    bool refused = false;
  };

  struct receiving : detail::queued_wait {
    explicit receiving(channel& c) noexcept : from(c) {}
    std::mutex& lock() noexcept { return from.lock_; }
    auto& list() noexcept { return from.receivers_; }
    bool settle(detail::wake_ups& wake) noexcept { return from.take(value, wake) || from.closed_; }

    channel& from;
    std::optional<T> value;
  };

  class send_awaiter : public detail::wait_awaiter<sending> {
    using base = detail::wait_awaiter<sending>;

   public:
    send_awaiter(channel& c, T&& value) noexcept : base(std::in_place, c, std::move(value)) {}
    void await_resume() {
      base::await_resume();
      if (this->source().refused) detail::throw_channel_closed();
    }
  };

  class receive_awaiter : public detail::wait_awaiter<receiving> {
    using base = detail::wait_awaiter<receiving>;

   public:
    explicit receive_awaiter(channel& c) noexcept : base(std::in_place, c) {}
    std::optional<T> await_resume() {
      base::await_resume();
      return std::move(this->source().value);
    }
  };

  /// With the lock held. False: there is no room.
  bool accept(T& value, detail::wake_ups& wake) noexcept {
    if (receiving* const receiver = receivers_.take_first()) {
      receiver->value.emplace(std::move(value));
      wake.add(*receiver);
      return true;
    }
    if (buffer_.full()) return false;
    buffer_.push(std::move(value));
    return true;
  }

  /// With the lock held. False: there is nothing. The place that becomes free is for the sender who waited longest.
  bool take(std::optional<T>& oldest, detail::wake_ups& wake) noexcept {
    if (!buffer_.empty()) oldest.emplace(buffer_.pop());
    if (sending* const sender = senders_.take_first()) {
      if (oldest.has_value()) {
        buffer_.push(std::move(sender->value));
      } else {
        oldest.emplace(std::move(sender->value));  // capacity 0: out of the sender's hands
      }
      wake.add(*sender);
    }
    return oldest.has_value();
  }

  std::mutex lock_;  // guards what follows
  bool closed_ = false;
  detail::ring_buffer<T> buffer_;
  detail::wait_list<sending> senders_;
  detail::wait_list<receiving> receivers_;
};

}  // namespace fanout
