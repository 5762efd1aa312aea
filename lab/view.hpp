// SPDX-License-Identifier: Apache-2.0
// A record for human eyes: a table of costs, and the verdict in sentences. Pure: returns text, writes nothing.
#pragma once

#include <string>

#include "lab/analysis.hpp"
#include "lab/record.hpp"
#include "lab/sentences.hpp"
#include "lab/terminal.hpp"

namespace lab {

/// What is about to be measured, before the first run: one line for the work, one for the plan.
std::string show_plan(const record& experiment, const terminal& out);

/// The same for a plan that is not run: with its models, rounds and looks, and the order of the first round.
std::string show_dry_run(const record& planned, const terminal& out);

/// The table and the sentences under it.
std::string show_result(const record& experiment, const analysis& found, const terminal& out);

/// " ✔ threads is best", broken to the width, with its mark in colour.
std::string show_sentence(const sentence& said, const terminal& out);

/// What the columns of the table mean.
std::string show_legend(const terminal& out);

/// For stderr: each error once, with the models that met it, and each reason of more lines than the table shows; and
/// which models returned what, if they differ. Else empty.
std::string show_problems(const record& experiment, const analysis& found);

}  // namespace lab
