// SPDX-License-Identifier: Apache-2.0
// A process between us and a host, so that nothing the host has started outlives us, however we end.
#pragma once

#include <sys/types.h>

#include <string>
#include <system_error>
#include <vector>

#include "lab/file_descriptor.hpp"

namespace lab {

/// The command could not be started.
struct cannot_start : std::system_error {
  using std::system_error::system_error;
};

/// What a host finds as its descriptors 0 to 3.
struct standard_descriptors {
  int input, output, errors, record;
};

/// Forks the guardian, which forks the host, is its parent and the reaper of all its orphans, and sleeps until the host
/// has ended, or we ask for its end, or we are gone. Then it ends the host and all that descends from it. When a
/// guardian is killed, its host dies with it, and its orphans come to us if we are a subreaper.
class guardian {
 public:
  /// Returns when the host runs its command (argv[0] first; searched in PATH), with our environment and what is added
  /// to it ("NAME=value"). Throws cannot_start.
  guardian(const std::vector<std::string>& command, const std::vector<std::string>& environment,
           const standard_descriptors& given);

  pid_t host() const { return host_; }

  /// Readable once nothing is left of the host.
  int descriptor() const { return link_.get(); }

  /// To be read then, once: as from waitpid().
  int wait_status();

  /// Asks for it; descriptor() tells when it is done.
  void end_host();

 private:
  file_descriptor link_;
  pid_t host_ = -1;
};

}  // namespace lab
