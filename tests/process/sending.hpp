// SPDX-License-Identifier: Apache-2.0
// Workers that end while they send a result.
#pragma once

#include <sys/types.h>

#include <csignal>

#include "process/supervisor.hpp"
#include "support.hpp"
#include "tasks.hpp"

namespace fanout_test {

/// Lets a worker go on to its result, and kills it once that is encoded and it sleeps: as long as nobody reads, it gets
/// no further.
inline void kill_when_it_has_sent(pid_t worker, const event_file& let_go, const event_file& encoded) {
  fanout::detail::supervisor::get()->between_turns([&] {
    let_go.set();
    EXPECT_TRUE(encoded.wait());
    EXPECT_TRUE(eventually([&] { return state_of(worker) == 'S'; }));
    ::kill(worker, SIGKILL);
    EXPECT_TRUE(eventually([&] { return !runs(worker); }));
  });
}

}  // namespace fanout_test
