// SPDX-License-Identifier: Apache-2.0
// From JSON back to a record: the facts alone. What they mean is found out anew.
#pragma once

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "lab/record.hpp"

namespace lab {

/// The document is no record, or none that can be explained. what() says what is wrong, and where in the document:
/// "/runs/3/wall_s is missing".
class bad_record : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What to_json(record) has written. `where` is the record's own place in its document. All that analyse() and the
/// views take for granted is checked. Throws bad_record.
record read_record(const nlohmann::json& document, const std::string& where = "");

}  // namespace lab
