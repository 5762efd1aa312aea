// SPDX-License-Identifier: Apache-2.0
// A queue of ops with two ends.
#pragma once

#include <cstdint>

#include "fanout/executor.hpp"

namespace fanout::detail {

/// The one link that an op has holds both neighbours, their addresses combined by exclusive or: coming from the one, it
/// gives the other. For use under a lock.
class op_deque {
 public:
  bool empty() const noexcept { return front_ == nullptr; }

  void push(op& work) noexcept {
    work.next = back_;
    if (back_ != nullptr) {
      relink(*back_, nullptr, &work);
    } else {
      front_ = &work;
    }
    back_ = &work;
  }

  /// The oldest; null if there is none.
  op* pop_front() noexcept { return pop(front_, back_); }
  /// The newest; null if there is none.
  op* pop_back() noexcept { return pop(back_, front_); }

 private:
  static op* combined(op* a, op* b) noexcept {
    return reinterpret_cast<op*>(reinterpret_cast<std::uintptr_t>(a) ^ reinterpret_cast<std::uintptr_t>(b));
  }
  static void relink(op& work, op* before, op* now) noexcept { work.next = combined(work.next, combined(before, now)); }

  static op* pop(op*& near, op*& far) noexcept {
    op* const work = near;
    if (work == nullptr) return nullptr;
    near = work->next;  // combined with the null that is beyond the end
    if (near != nullptr) {
      relink(*near, work, nullptr);
    } else {
      far = nullptr;
    }
    return work;
  }

  op* front_ = nullptr;
  op* back_ = nullptr;
};

}  // namespace fanout::detail
