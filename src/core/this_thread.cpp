// SPDX-License-Identifier: Apache-2.0
#include "fanout/detail/this_thread.hpp"

namespace fanout::detail {
namespace {

thread_local worker_context* worker_of_this_thread = nullptr;

}  // namespace

[[gnu::noinline]] const void* this_thread_identity() noexcept { return &worker_of_this_thread; }
[[gnu::noinline]] worker_context* current_worker() noexcept { return worker_of_this_thread; }
[[gnu::noinline]] void set_current_worker(worker_context* worker) noexcept { worker_of_this_thread = worker; }

}  // namespace fanout::detail
