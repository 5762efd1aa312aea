// SPDX-License-Identifier: Apache-2.0
// What the user typed, checked.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lab/claim.hpp"

namespace cli {

enum class output_format { table, json, csv, markdown };

/// How a comparison is shown, and what its exit code tells.
struct report_options {
  output_format format = output_format::table;
  std::vector<lab::claim> claims{};  // --assert
  bool strict = false;
};

/// `fanout compare`. What the user did not say is empty: it depends on the work.
struct compare_options {
  std::string work;                           // empty: the notebook
  std::vector<std::string> args{}, kwargs{};  // of a Python function; kwargs: "name=value"
  std::string args_from{}, setup{};
  std::vector<unsigned> tasks{}, workers{};  // see is_scan()
  std::vector<unsigned> looks{};             // after how many rounds the data are looked at; the last look is the end
  unsigned warmups = 1;
  std::optional<std::chrono::nanoseconds> budget{};
  unsigned budget_shares =
      1;  // comparisons that have equal parts of it, also of the one that there is if that is empty
  std::chrono::nanoseconds timeout = std::chrono::minutes(10);
  std::vector<std::string> models{};
  bool peers = false;       // those of other libraries, too: where there are any
  std::string reference{};  // empty: all pairs
  std::string python{}, export_json{}, trace{}, resume{};
  double min_effect = 0.03;
  bool dry_run = false;      // only show what would be run
  std::string configured{};  // "~/.config/fanout/config.toml: rounds 8": what was not typed; empty: nothing
  report_options report{};
  std::optional<std::uint64_t> seed{};

  /// A comparison for each of several numbers of tasks or workers.
  bool is_scan() const { return tasks.size() > 1 || workers.size() > 1; }
};

/// `fanout self-test`.
struct self_test_options {
  std::string work = "cpu:20000000";  // 0.04 s on a usual CPU: short enough to be repeated within rounds
  std::string model = "threads";
  unsigned runs = 1;
  std::optional<std::chrono::nanoseconds> budget{};  // of each
};

/// `fanout explain`.
struct explain_options {
  std::string file;
  report_options report{};
};

/// `fanout costs`: table or json.
struct costs_options {
  output_format format = output_format::table;
};

/// `__cost`, the host of one of its measurements.
struct cost_host_options {
  std::string id;
  unsigned batches = 15;
};

/// `fanout doctor`: table, which is text, or json.
struct doctor_options {
  output_format format = output_format::table;
};

/// The models this version knows, in the order in which they are shown.
const std::vector<std::string>& known_models();

/// Those of them that are compared if the user does not say, and the same with those of other libraries.
std::vector<std::string> default_models();
std::vector<std::string> with_peers(std::vector<std::string> models);

/// A whole number in [least, most]. Throws lab::usage_error that names the option.
unsigned parse_count(std::string_view option, std::string_view text, unsigned least, unsigned most);

/// "8", "1,2,4", "1..8": different whole numbers in [least, most]. Throws lab::usage_error that names the option.
std::vector<unsigned> parse_counts(std::string_view option, std::string_view text, unsigned least, unsigned most);

/// "500ms", "90s", "1.5m" or "2h", more than nothing and at most a year. Throws lab::usage_error.
std::chrono::nanoseconds parse_time(std::string_view option, std::string_view text);

/// "3%" or "0.03", more than 0 and less than 1. Throws lab::usage_error.
double parse_share(std::string_view option, std::string_view text);

/// "name=value", the name a Python identifier. Throws lab::usage_error.
std::vector<std::string> parse_kwargs(const std::vector<std::string>& texts);

/// "table", "json", "csv" or "md". Throws lab::usage_error.
output_format parse_format(std::string_view text);

/// "processes < 0.6*threads", of known models. Throws lab::usage_error.
lab::claim parse_assertion(const std::string& text);

/// "serial,threads": known models, each once; "all": all of fanout's own. Throws lab::usage_error that names the models
/// and the nearest.
std::vector<std::string> parse_models(std::string_view text);

/// One of them. Throws lab::usage_error that names the option too.
std::string parse_model(std::string_view option, std::string_view text);

}  // namespace cli
