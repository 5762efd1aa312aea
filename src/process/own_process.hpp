// SPDX-License-Identifier: Apache-2.0
// Is this still the process that made it? Asked for each task, where getpid() would be a system call.
#pragma once

#include <sys/types.h>

#include <atomic>

namespace fanout::detail {

/// getpid(), remembered. Forks by fork() are noticed; those by a bare clone() are not.
pid_t own_pid() noexcept;

/// What a process has one of, whose lock somebody may hold for ever in a fork of it: that makes one of its own, by
/// T(the inherited one). Of T are asked nothing but is_of_this_process() before. Throws std::bad_alloc.
template <class T>
T& of_this_process(std::atomic<T*>& place) {
  T* found = place.load(std::memory_order_acquire);
  while (found == nullptr || !found->is_of_this_process()) {
    T* const made = new T(found);
    if (place.compare_exchange_strong(found, made, std::memory_order_acq_rel)) return *made;
    delete made;
  }
  return *found;
}

}  // namespace fanout::detail
