// SPDX-License-Identifier: Apache-2.0
// Writing results to stdout.
#pragma once

#include <string_view>

namespace cli {

/// Nobody reads stdout any more (`| head -1`): the tool ends quietly. Not a std::exception: it is no error.
struct output_closed {};

/// Writes all of it at once. Throws output_closed, or std::system_error if it cannot be written (disk full).
void write_out(std::string_view text);

}  // namespace cli
