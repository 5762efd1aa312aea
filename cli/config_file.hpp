// SPDX-License-Identifier: Apache-2.0
// The user's own defaults for `fanout compare`, in a TOML file:
//
//   [compare]
//   models = ["serial", "threads"]
//   min-effect = "5%"
#pragma once

#include <string>
#include <vector>

namespace cli {

/// One of its lines.
struct configured_value {
  std::string key;    // "models": the option, without its hyphens
  std::string text;   // "serial,threads": as it would be typed
  std::string place;  // "~/.config/fanout/config.toml:2"
};

/// The one that is read unasked, if it is there: fanout/config.toml in $XDG_CONFIG_HOME or ~/.config, as the XDG Base
/// Directory Specification has it. Empty if there is neither of these folders to look in.
std::string users_config_file();

/// What stands in [compare]. `keys`: what may stand there. Throws lab::usage_error that names the file and the line.
std::vector<configured_value> read_config_file(const std::string& path, const std::vector<std::string>& keys);

}  // namespace cli
