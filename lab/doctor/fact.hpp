// SPDX-License-Identifier: Apache-2.0
// What `fanout doctor` says about one thing of this machine.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace lab::doctor {

struct fact {
  std::string id;        // its key in JSON: "quota"
  std::string name;      // for people: "CPU quota"
  nlohmann::json value;  // null: not known
  std::string text;      // the value in words
  std::string advice{};  // what to do about it, if something is missing
};

struct section {
  std::string id, name;
  std::vector<fact> facts{};
};

}  // namespace lab::doctor
