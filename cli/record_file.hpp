// SPDX-License-Identifier: Apache-2.0
// Records in files, which may be something else.
#pragma once

#include <string>
#include <vector>

#include "lab/record.hpp"

namespace cli {

/// The comparisons that a file has: one, or several.
struct recorded {
  enum class form { one, notebook, scan };
  form of = form::one;
  std::vector<lab::record> records{};
  std::vector<std::string> names{};  // of the notebook's
};

/// Throws lab::usage_error that names the file.
recorded records_of(const std::string& path);

}  // namespace cli
