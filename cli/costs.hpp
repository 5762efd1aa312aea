// SPDX-License-Identifier: Apache-2.0
// `fanout costs`: what switches, starts, waits and hand-overs cost on this machine, beside the notebook's claims.
#pragma once

#include "cli/options.hpp"
#include "cli/report.hpp"

namespace cli {

/// Progress on stderr, the report on stdout. Throws lab::interrupted, output_closed.
exit_code run_costs(const costs_options& options);

/// `__cost`: be the host of one measurement. Throws lab::usage_error if there is no such cost.
exit_code run_cost_host(const cost_host_options& options);

}  // namespace cli
