// SPDX-License-Identifier: Apache-2.0
// Asking work to stop: stop_source, stop_token, stop_callback, as C++26's inplace_*: no allocation, no shared
// ownership.
#pragma once

#include <atomic>
#include <concepts>
#include <cstdint>
#include <type_traits>
#include <utility>

namespace fanout {

class stop_source;
class stop_token;

namespace detail {

/// What a stop_source calls when it is asked to stop. Linked into the source's list, so it must not move.
class stop_callback_base {
 public:
  stop_callback_base(const stop_callback_base&) = delete;
  stop_callback_base& operator=(const stop_callback_base&) = delete;

 protected:
  using invoke_fn = void (*)(stop_callback_base&) noexcept;
  /// Null: this is the base of a stop_source, which is chained to another.
  explicit stop_callback_base(invoke_fn invoke) noexcept : invoke_(invoke), next_(nullptr) {}
  ~stop_callback_base() = default;

  /// Calls back at once, before it returns, if a stop was already requested.
  void attach(stop_token token) noexcept;
  /// From what it was attached to, if it was. Afterwards the callback does not run and will not: waits for one that
  /// runs in another thread.
  void detach(stop_token token) noexcept;

 private:
  friend class fanout::stop_source;

  void leave(stop_token token) noexcept;

  // Where it is: in a list, then the address of what points to it there; taken out by request_stop, running; neither.
  static constexpr std::uintptr_t nowhere = 0, running = 1;
  static_assert(alignof(stop_callback_base*) > running);

  bool listed() const noexcept { return place_.load(std::memory_order_relaxed) > running; }
  void list_at(stop_callback_base*& link) noexcept {
    link = this;
    place_.store(reinterpret_cast<std::uintptr_t>(&link), std::memory_order_relaxed);
  }
  void unlist(std::uintptr_t now) noexcept;

  const invoke_fn invoke_;
  union {
    stop_callback_base* next_;  // while it is listed; guarded by the source's lock
    bool* gone_;                // while it runs: where to say that it was destroyed by its own callback; may be null
  };
  // Written under the source's lock, but for the end of `running`: release in request_stop, acquire in detach.
  std::atomic<std::uintptr_t> place_ = nowhere;
};

}  // namespace detail

/// A view of a stop_source: may the work go on? Valid as long as the source lives. Safe from any thread.
class stop_token {
 public:
  /// A token that never stops.
  stop_token() noexcept = default;

  bool stop_requested() const noexcept;
  /// False: nobody will ever ask.
  bool stop_possible() const noexcept { return source_ != nullptr; }
  friend bool operator==(stop_token, stop_token) noexcept = default;

 private:
  friend class stop_source;
  friend class detail::stop_callback_base;
  explicit stop_token(stop_source* source) noexcept : source_(source) {}

  stop_source* source_ = nullptr;
};

/// Asks for a stop. A source made from a token stops with that token too: it is chained by a pointer, and joins the
/// parent's list only when somebody registers a callback here, so a chain that nobody waits on costs nothing.
/// Must outlive its tokens' uses and its callbacks. Safe from any thread.
///
/// Callbacks run in the thread that asks, one after another, without the lock held; those of chained sources too,
/// however long the chain is, without recursion.
///
///     listed ──request_stop: taken out of the list──▶ running ──▶ done
///        └───────────── detach: taken out ──────────▶ gone; a detach that finds it running waits for done
///                                                     (unless it is the running callback that detaches itself, or the
///                                                     source that it is called through)
class stop_source : private detail::stop_callback_base {
 public:
  stop_source() noexcept : stop_source(stop_token()) {}
  explicit stop_source(stop_token parent) noexcept : stop_callback_base(nullptr), parent_(parent.source_) {}
  ~stop_source() { detach(parent()); }

  /// True: this call was the first to ask.
  bool request_stop() noexcept;
  /// Walks up the chain, as far as it is not linked; a long way only once. Where it is linked, a stop that is under way
  /// in another thread is seen when it arrives here.
  bool stop_requested() const noexcept;
  /// From now on the parent does not matter, and may go. Once nobody uses this source's tokens any more.
  void unchain() noexcept {
    detach(parent());
    parent_ = nullptr;
  }
  stop_token get_token() const noexcept { return stop_token(const_cast<stop_source*>(this)); }

 private:
  friend class detail::stop_callback_base;

  stop_token parent() const noexcept { return stop_token(parent_); }
  void lock() noexcept;
  void unlock() noexcept { locked_.clear(std::memory_order_release); }
  bool begin_stop() noexcept;
  void leave_walk(stop_source& parent) noexcept;
  detail::stop_callback_base* next_callback() noexcept;
  void call(detail::stop_callback_base& callback) noexcept;
  void link_to_parents() noexcept;
  bool insert(detail::stop_callback_base& callback) noexcept;
  bool take_out(detail::stop_callback_base& callback) noexcept;
  void remove(detail::stop_callback_base& callback) noexcept;

  static constexpr int long_way = 16;

  stop_source* parent_;
  std::atomic<bool> stopped_ = false;  // release in begin_stop, acquire wherever it is asked
  enum class link : unsigned char { none, under_way, done };
  std::atomic<link> link_to_parent_ =
      link::none;                               // who leaves `none` links; done: release, pairs with the acquire below
  std::atomic<bool> chained_ = false;           // it and all above are linked: a stop of any of them arrives here
  std::atomic_flag locked_ = ATOMIC_FLAG_INIT;  // guards the list and the line after it
  detail::stop_callback_base* callbacks_ = nullptr;
  const void* notifier_ = nullptr;  // the thread inside request_stop; written once, before any callback leaves the list
  stop_source** walk_ = nullptr;    // that thread's: while it stops this as part of the chain, where it keeps its place
};

inline void detail::stop_callback_base::detach(stop_token token) noexcept {
  if (place_.load(std::memory_order_acquire) != nowhere) leave(token);
}

inline bool stop_token::stop_requested() const noexcept { return source_ != nullptr && source_->stop_requested(); }

/// Calls `f` once if a stop is requested while this object lives: in the thread that asks, or, if that was before, in
/// the constructor. The destructor waits for a call under way in another thread. `f` must not throw.
template <std::invocable F>
class stop_callback : private detail::stop_callback_base {
 public:
  template <class G>
    requires std::constructible_from<F, G>
  stop_callback(stop_token token, G&& f) noexcept(std::is_nothrow_constructible_v<F, G>)
      : stop_callback_base(
            [](stop_callback_base& self) noexcept { std::forward<F>(static_cast<stop_callback&>(self).f_)(); }),
        token_(token),
        f_(std::forward<G>(f)) {
    attach(token_);
  }
  ~stop_callback() { detach(token_); }

 private:
  const stop_token token_;
  F f_;
};

template <class F>
stop_callback(stop_token, F) -> stop_callback<F>;

}  // namespace fanout
