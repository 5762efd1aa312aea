// SPDX-License-Identifier: Apache-2.0
// From a thread that has work to one that waits for some, and back with the result.
#pragma once

#include "lab/costs/effort.hpp"

namespace lab::costs {

/// submit() to the end of get(): a task that returns a number, to a pool of one worker that has been idle for so long
/// that it sleeps. A batch is the median of its trips: a trip that something came in between of says nothing.
measurement measure_thread_pool_trip(const effort& much);
measurement measure_process_pool_trip(const effort& much);

/// From post() to an event loop that sleeps, in another thread, until the caller has been woken by what was posted.
measurement measure_event_loop_trip(const effort& much);

}  // namespace lab::costs
