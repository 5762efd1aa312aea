// SPDX-License-Identifier: Apache-2.0
// `fanout explain`: a record, shown as the run that made it was.
#pragma once

#include "cli/options.hpp"
#include "cli/report.hpp"

namespace cli {

/// Throws lab::usage_error for a file that cannot be read or is no record, and output_closed.
exit_code run_explain(const explain_options& options);

}  // namespace cli
