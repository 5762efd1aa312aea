// SPDX-License-Identifier: Apache-2.0
// "Where the workers' time went": a bar for each model. Pure.
#pragma once

#include <string>
#include <vector>

#include "lab/analysis.hpp"
#include "lab/terminal.hpp"

namespace lab {

/// A kind of time and what share of the workers' time it is.
struct time_share {
  std::string name;  // "run queue"
  double share;
  const char *symbol, *ascii;
};

/// In the order in which they are drawn; those that are nothing too.
std::vector<time_share> shares_of(const decomposition& time);

/// A heading, a line for each model whose time is known, and what the signs mean; empty if of none it is. Of what a
/// line has no room for, the least is left out.
std::string show_time_bars(const analysis& found, const terminal& out);

/// The same as a table in Markdown, with a line break before it; empty if of no model the time is known.
std::string markdown_of_time(const analysis& found);

}  // namespace lab
