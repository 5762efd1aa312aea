// SPDX-License-Identifier: Apache-2.0
// Everything but the cluster and Asio.
#pragma once

#include "fanout/as_completed.hpp"
#include "fanout/duration.hpp"
#include "fanout/errors.hpp"
#include "fanout/event_loop.hpp"
#include "fanout/executor.hpp"
#include "fanout/fn.hpp"
#include "fanout/future.hpp"
#include "fanout/gather.hpp"
#include "fanout/map.hpp"
#include "fanout/process_pool.hpp"
#include "fanout/result.hpp"
#include "fanout/sleep.hpp"
#include "fanout/stop.hpp"
#include "fanout/task.hpp"
#include "fanout/thread_pool.hpp"
#include "fanout/workers.hpp"
