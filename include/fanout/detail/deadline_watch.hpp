// SPDX-License-Identifier: Apache-2.0
// Somebody who looks at the clock while every worker of a pool is busy.
#pragma once

#include <memory>

#include "fanout/duration.hpp"
#include "fanout/executor.hpp"
#include "fanout/stop.hpp"

namespace fanout::detail {

/// A thread that asks work to stop when its time is over. The timers of a pool cannot do that: they are due when a
/// worker comes to look, and the workers are running just that work. There is one such thread in the process while
/// somebody holds the watch; the last one to let go of it joins the thread.
class deadline_watch {
 public:
  /// Starts the thread if there is none. Throws std::system_error if that fails.
  static std::shared_ptr<deadline_watch> get();

  /// From its constructor to its end, `source` is asked to stop if `time` passes.
  ///
  ///   armed ──its time passes──▶ firing ──▶ over, expired
  ///     └─────────end()────────▶ over       an end() that finds it firing waits for that
  class item : private timer_op {
   public:
    /// Throws std::bad_alloc.
    item(deadline_watch& watch, stop_source& source, duration time);
    item(const item&) = delete;
    item& operator=(const item&) = delete;
    ~item() { end(); }

    /// Afterwards `source` is not used any more. True: it was asked to stop.
    bool end() noexcept;

   private:
    friend class deadline_watch;
    deadline_watch& watch_;
    stop_source& source_;
    bool expired_ = false;  // guarded by the watch's lock
  };

  deadline_watch();
  deadline_watch(const deadline_watch&) = delete;
  deadline_watch& operator=(const deadline_watch&) = delete;
  ~deadline_watch();

 private:
  struct state;
  const std::unique_ptr<state> state_;
};

}  // namespace fanout::detail
