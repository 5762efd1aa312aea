// SPDX-License-Identifier: Apache-2.0
// Ctrl-C, Ctrl-\, SIGTERM and SIGHUP as something that can be waited for and thrown, so that what was started is ended
// first.
#pragma once

#include <csignal>
#include <exception>

namespace lab {

/// Thrown where work was given up because a signal asked for it. Not a std::exception: code that handles errors must
/// not swallow it. The tool exits with 128 + signal.
struct interrupted {
  int signal;
};

/// While it lives, SIGINT, SIGQUIT, SIGTERM and SIGHUP (unless nohup ignores it) no longer end this process but are
/// remembered. One at a time.
class interruption {
 public:
  interruption();
  interruption(const interruption&) = delete;
  interruption& operator=(const interruption&) = delete;
  ~interruption();

  /// Readable from the first signal on; -1 while no interruption lives: poll() ignores that.
  static int descriptor();

  /// Throws interrupted if a signal has come.
  static void check();

 private:
  struct sigaction before_[4] = {};
};

}  // namespace lab
