// SPDX-License-Identifier: Apache-2.0
// Memory for what Asio would allocate for each operation: from the pool of the coroutine frames. Part of asio.hpp.
#pragma once

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_type.hpp>

#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>

#include "fanout/detail/frame_pool.hpp"

namespace fanout::detail {

/// For what Asio keeps while an operation is under way: 150 bytes for a socket's, up to 700 for one of Beast's.
template <class T = std::byte>
struct operation_allocator {
  using value_type = T;

  operation_allocator() noexcept = default;
  template <class U>
  operation_allocator(operation_allocator<U>) noexcept {}

  T* allocate(std::size_t count) {
    static_assert(alignof(T) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);
    return static_cast<T*>(allocate_frame(count * sizeof(T)));
  }
  void deallocate(T* object, std::size_t count) noexcept { free_frame(object, count * sizeof(T)); }
  friend bool operator==(operation_allocator, operation_allocator) noexcept { return true; }
};

/// What an operation left to be called if it is to be cancelled: Asio's cancellation_signal, without its allocation.
class cancellation_hook {
 public:
  cancellation_hook() noexcept = default;
  cancellation_hook(const cancellation_hook&) = delete;
  cancellation_hook& operator=(const cancellation_hook&) = delete;
  ~cancellation_hook() { clear(); }

  // Asio knows weaker ways to cancel too: such that leave a stream in a state to go on with.
  void emit() {
    if (held_ != nullptr) held_->call();
    signal_.emit(boost::asio::cancellation_type::terminal);
  }
  /// For those who take no slot but Asio's own, as Beast does.
  boost::asio::cancellation_slot slot() noexcept { return signal_.slot(); }
  bool empty() const noexcept { return held_ == nullptr; }
  void clear() noexcept {
    if (held_ != nullptr) std::exchange(held_, nullptr)->destroy();
  }
  template <class Handler, class... Args>
  Handler& emplace(Args&&... args) {
    clear();
    struct holder final : held, pooled_frame {
      explicit holder(Args&&... a) : handler(std::forward<Args>(a)...) {}
      void call() override { handler(boost::asio::cancellation_type::terminal); }
      void destroy() noexcept override { delete this; }
      Handler handler;
    };
    auto* const made = new holder(std::forward<Args>(args)...);
    held_ = made;
    return made->handler;
  }

 private:
  struct held {
    virtual void call() = 0;
    virtual void destroy() noexcept = 0;

   protected:
    ~held() = default;
  };

  held* held_ = nullptr;
  boost::asio::cancellation_signal signal_;
};

/// A reference to a hook, as Asio wants it: a CancellationSlot.
class cancellation_slot {
 public:
  /// Connected to nothing.
  cancellation_slot() noexcept = default;
  explicit cancellation_slot(cancellation_hook& hook) noexcept : hook_(&hook) {}

  template <class Handler, class... Args>
  Handler& emplace(Args&&... args) {
    return hook_->emplace<Handler>(std::forward<Args>(args)...);
  }
  template <class Handler>
  std::decay_t<Handler>& assign(Handler&& handler) {
    return emplace<std::decay_t<Handler>>(std::forward<Handler>(handler));
  }
  void clear() noexcept {
    if (hook_ != nullptr) hook_->clear();
  }
  bool is_connected() const noexcept { return hook_ != nullptr; }
  bool has_handler() const noexcept { return hook_ != nullptr && !hook_->empty(); }
  operator boost::asio::cancellation_slot() const noexcept {
    return hook_ != nullptr ? hook_->slot() : boost::asio::cancellation_slot();
  }
  friend bool operator==(cancellation_slot, cancellation_slot) noexcept = default;

 private:
  cancellation_hook* hook_ = nullptr;
};

}  // namespace fanout::detail
