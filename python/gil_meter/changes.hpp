// SPDX-License-Identifier: Apache-2.0
// Who waits for the lock and who holds it, from when on: kept for who draws a run, and only then.
#pragma once

#include "gil_meter.hpp"

namespace fanout_gil {

/// Has fanout_gil_watch() been called?
bool is_watched();

/// Of the calling thread, from now on. Nothing, where nobody watches.
void note(fanout_gil_relation now);

}  // namespace fanout_gil
