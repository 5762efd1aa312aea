// SPDX-License-Identifier: Apache-2.0
// From one coroutine to another, without the operating system.
#pragma once

#include <cstddef>

#include "lab/costs/effort.hpp"

namespace lab::costs {

/// Resuming a coroutine that suspends at once, through a handle in volatile memory: else the compiler makes a loop of
/// it. Two take turns, and each works on so many bytes of its own; what that takes in one that is not interrupted is
/// subtracted.
measurement measure_coroutine_switch(const effort& much, std::size_t touched);

/// From one task to another through the queue of an event loop: two tasks that do nothing but yield().
measurement measure_loop_switch(const effort& much);

}  // namespace lab::costs
