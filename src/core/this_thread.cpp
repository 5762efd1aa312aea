// SPDX-License-Identifier: Apache-2.0
#include "fanout/detail/this_thread.hpp"

#include "fanout/executor.hpp"

namespace fanout::detail {
namespace {

// The model makes it one load; 8 bytes always fit, also into a module that is loaded late.
[[gnu::tls_model("initial-exec")]] constinit thread_local thread_context* innermost = nullptr;

}  // namespace

[[gnu::noinline]] const void* this_thread_identity() noexcept { return &innermost; }

[[gnu::noinline]] scheduler* current_scheduler() noexcept {
  return innermost != nullptr ? &innermost->home() : nullptr;
}

[[gnu::noinline]] thread_context* context_of(const scheduler* home) noexcept {
  if (home == nullptr) return nullptr;
  thread_context* context = innermost;
  while (context != nullptr && &context->home_ != home) context = context->outer_;
  return context;
}

thread_context::thread_context(scheduler& home) noexcept : home_(home), outer_(innermost) { innermost = this; }
thread_context::~thread_context() { innermost = outer_; }

}  // namespace fanout::detail
