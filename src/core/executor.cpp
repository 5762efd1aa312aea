// SPDX-License-Identifier: Apache-2.0
#include "fanout/executor.hpp"

#include "fanout/detail/attended.hpp"

namespace fanout {

void scheduler::fork_all(op& first, op& last) noexcept {
  for (op* work = &first;;) {
    op& current = *work;
    work = work->next;  // before it is posted: it may be gone by the time that post returns
    const bool is_last = &current == &last;
    post(current);
    if (is_last) return;
  }
}

void scheduler::attend(std::shared_ptr<detail::attended>) noexcept {}

}  // namespace fanout
