// SPDX-License-Identifier: Apache-2.0
// What the doctor found, as text and as JSON. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "lab/doctor/fact.hpp"
#include "lab/terminal.hpp"

namespace lab::doctor {

/// A line for each fact, with what to do about it below.
std::string show(const std::vector<section>& all, const terminal& out);

/// {"cpus": {"usable": 2, …}, …, "advice": [{"about": "limits.nofile", "text": …}]}: each section an object. What is
/// not known is null.
nlohmann::ordered_json to_json(const std::vector<section>& all);

}  // namespace lab::doctor
