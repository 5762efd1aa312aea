// SPDX-License-Identifier: Apache-2.0
// What each model cost, as a table. Pure.
#pragma once

#include "lab/analysis.hpp"
#include "lab/record.hpp"
#include "lab/table.hpp"

namespace lab {

/// Best first; then the models that failed, and those that could not run, with the reason.
table cost_table(const record& experiment, const analysis& found);

}  // namespace lab
