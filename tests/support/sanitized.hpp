// SPDX-License-Identifier: Apache-2.0
// Whether the program is built with AddressSanitizer or ThreadSanitizer: it is slower then, has larger frames, and the
// sanitizer's runtime makes system calls of its own.
#pragma once

#if !defined(__has_feature)
#define __has_feature(x) 0
#endif

namespace fanout_test {

#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || defined(__SANITIZE_ADDRESS__) || \
    defined(__SANITIZE_THREAD__)
inline constexpr bool sanitized = true;
#else
inline constexpr bool sanitized = false;
#endif

/// By ThreadSanitizer, whose runtime adds a thread of its own to a process as soon as that has a second one.
#if __has_feature(thread_sanitizer) || defined(__SANITIZE_THREAD__)
inline constexpr bool thread_sanitized = true;
#else
inline constexpr bool thread_sanitized = false;
#endif

/// Do workers say where they crashed?
inline constexpr bool crashes_are_recorded = !thread_sanitized;

}  // namespace fanout_test
