// SPDX-License-Identifier: Apache-2.0
// Types of the same name in unnamed namespaces of two files: this is the other file.
#pragma once

#include <memory>

namespace fanout_test {

/// Throws the other file's `namesake`, plain or as the wrapper that throw_with_nested makes.
[[noreturn]] void throw_other_namesake(bool with_cause);

/// While it exists, the other file's `namesake` is registered.
std::shared_ptr<void> register_other_namesake();

}  // namespace fanout_test
