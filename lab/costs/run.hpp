// SPDX-License-Identifier: Apache-2.0
// Measures the costs, each in a process of its own: the host (lab/host_process.hpp).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "lab/costs/report.hpp"

namespace lab::costs {

/// Measures one in a host that is started with this command, argv[0] first, which ends with measure_as_host().
/// Whatever goes wrong is the reason of the finding. Throws interrupted.
finding find_in_host(const cost& what, const std::vector<std::string>& command);

/// All of them. `command_of` gives the command for one; `begin` is told of each before. Throws interrupted.
report find_all(const std::function<std::vector<std::string>(const cost&)>& command_of,
                const std::function<void(const cost&)>& begin);

/// In the host: measures, and writes the record {"values": […], "overheads": […]} or {"reason": …}.
void measure_as_host(const cost& what, const effort& much);

}  // namespace lab::costs
