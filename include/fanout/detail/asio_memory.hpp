// SPDX-License-Identifier: Apache-2.0
// Memory inside of an awaiter for what Asio would allocate for each operation. Part of asio.hpp.
#pragma once

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_type.hpp>

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace fanout::detail {

/// Room for one object at a time; a second one, or one that does not fit, comes from the heap. For one thread at a
/// time.
template <std::size_t Size>
class one_slot_memory {
 public:
  one_slot_memory() noexcept = default;
  one_slot_memory(const one_slot_memory&) = delete;
  one_slot_memory& operator=(const one_slot_memory&) = delete;

  void* allocate(std::size_t size) {
    if (used_ || size > Size) return ::operator new(size);
    used_ = true;
    return room_;
  }
  void deallocate(void* object) noexcept {
    if (object == room_) {
      used_ = false;
    } else {
      ::operator delete(object);
    }
  }

 private:
  alignas(std::max_align_t) std::byte room_[Size];
  bool used_ = false;
};

/// What Asio keeps while an operation is under way: 150 bytes for a socket's, some more for a composed one.
using operation_memory = one_slot_memory<256>;

template <class T = std::byte>
class operation_allocator {
 public:
  using value_type = T;

  explicit operation_allocator(operation_memory& memory) noexcept : memory_(&memory) {}
  template <class U>
  operation_allocator(operation_allocator<U> other) noexcept : memory_(other.memory_) {}

  T* allocate(std::size_t count) {
    static_assert(alignof(T) <= alignof(std::max_align_t));
    return static_cast<T*>(memory_->allocate(count * sizeof(T)));
  }
  void deallocate(T* object, std::size_t) noexcept { memory_->deallocate(object); }
  friend bool operator==(operation_allocator, operation_allocator) noexcept = default;

 private:
  template <class>
  friend class operation_allocator;
  operation_memory* memory_;
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
    if (held_ != nullptr) std::exchange(held_, nullptr)->destroy(memory_);
  }
  template <class Handler, class... Args>
  Handler& emplace(Args&&... args) {
    clear();
    struct holder final : held {
      explicit holder(Args&&... a) : handler(std::forward<Args>(a)...) {}
      void call() override { handler(boost::asio::cancellation_type::terminal); }
      void destroy(memory& m) noexcept override {
        std::destroy_at(this);
        m.deallocate(this);
      }
      Handler handler;
    };
    static_assert(alignof(holder) <= alignof(std::max_align_t));
    void* const room = memory_.allocate(sizeof(holder));
    try {
      auto* const made = ::new (room) holder(std::forward<Args>(args)...);
      held_ = made;
      return made->handler;
    } catch (...) {
      memory_.deallocate(room);
      throw;
    }
  }

 private:
  using memory = one_slot_memory<64>;  // a socket's takes 40 bytes
  struct held {
    virtual void call() = 0;
    virtual void destroy(memory& m) noexcept = 0;

   protected:
    ~held() = default;
  };

  held* held_ = nullptr;
  memory memory_;
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
