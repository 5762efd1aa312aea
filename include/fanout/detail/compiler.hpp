// SPDX-License-Identifier: Apache-2.0
// Refuses compilers that miscompile coroutines. CMake refuses them when fanout is built; this is for programs that use
// it.
#pragma once

#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 14
#error "fanout: GCC before 14 miscompiles coroutines silently; compile with Clang 19 (Debian 12: clang++-19) or GCC 14"
#endif
#if __cpp_deleted_function >= 202403L
/// `= FANOUT_DELETED("what to do instead")`: the sentence is part of the compiler's error.
#define FANOUT_DELETED(sentence) \
  _Pragma("GCC diagnostic push") \
      _Pragma("GCC diagnostic ignored \"-Wc++26-extensions\"") delete (sentence)_Pragma("GCC diagnostic pop")
#else
#define FANOUT_DELETED(sentence) delete
#endif

/// For functions on an uncommon path of a short common one: the caller need not keep its registers free for them.
#if defined(__clang__)
#define FANOUT_UNCOMMON [[clang::preserve_most]]
#else
#define FANOUT_UNCOMMON
#endif

#if !defined(__linux__)
#error "fanout runs on Linux only"
#endif
