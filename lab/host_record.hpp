// SPDX-License-Identifier: Apache-2.0
// The other end of host_process.hpp: how a host that is this program writes its record.
#pragma once

#include <nlohmann/json.hpp>

namespace lab {

/// Writes it to the descriptor in FANOUT_RECORD_FD as one line, or to stdout if there is none. Throws
/// std::system_error.
void write_host_record(const nlohmann::json& record);

}  // namespace lab
