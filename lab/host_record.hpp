// SPDX-License-Identifier: Apache-2.0
// The other end of host_process.hpp: how a host that is this program writes its record.
#pragma once

#include <nlohmann/json.hpp>

namespace lab {

/// Writes it to the descriptor in FANOUT_RECORD_FD as one line, or to stdout if there is none. Throws
/// std::system_error.
void write_host_record(const nlohmann::json& record);

/// Does the lab want to draw this run, and so its record's "trace"? To be asked once, before anything is started: what
/// is started does not find the question in its environment. Not thread-safe.
bool is_asked_for_trace();

}  // namespace lab
