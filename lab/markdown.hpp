// SPDX-License-Identifier: Apache-2.0
// A record as Markdown: for issues, pull requests and job summaries. Pure.
#pragma once

#include <string>

#include "lab/analysis.hpp"
#include "lab/record.hpp"

namespace lab {

/// A heading of this level, then plan, table and sentences.
std::string show_markdown(const record& experiment, const analysis& found, unsigned heading = 3);

/// Text as it is: what it says may come from a file name or an error.
std::string escaped_markdown(const std::string& text);

}  // namespace lab
