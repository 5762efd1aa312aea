// SPDX-License-Identifier: Apache-2.0
// Who am I? Asked out of line, because Clang may reuse a thread's address or id after a coroutine went on in another
// thread (LLVM issues 47179, 63022, 111257).
#pragma once

namespace fanout::detail {

class worker_context;

/// An address that no other living thread has.
const void* this_thread_identity() noexcept;

/// The pool worker that this thread is; null outside pools.
worker_context* current_worker() noexcept;
void set_current_worker(worker_context* worker) noexcept;

}  // namespace fanout::detail
