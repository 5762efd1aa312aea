// SPDX-License-Identifier: Apache-2.0
// The manual page.
#pragma once

#include <string>

#include "cli/description.hpp"

namespace cli {

/// fanout(1), for man.
std::string manual_page(const tool_description& tool);

}  // namespace cli
