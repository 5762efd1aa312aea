// SPDX-License-Identifier: Apache-2.0
// Records in files, which may be something else.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "lab/record.hpp"
#include "lab/record_reader.hpp"
#include "lab/workload.hpp"

namespace cli {

/// What is in the file. Throws lab::usage_error if it cannot be read, lab::bad_record if that is not JSON.
nlohmann::json read_json(const std::string& path);

/// What is wrong with that file, and what a record would be.
lab::usage_error no_record(const std::string& path, const lab::bad_record& error);

/// The record of one comparison. Throws lab::usage_error.
lab::record one_record_of(const std::string& path);

}  // namespace cli
