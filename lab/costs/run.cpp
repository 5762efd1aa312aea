// SPDX-License-Identifier: Apache-2.0
#include "lab/costs/run.hpp"

#include <chrono>

#include "lab/guardian.hpp"
#include "lab/host_process.hpp"
#include "lab/host_record.hpp"
#include "lab/record.hpp"

namespace lab::costs {

namespace {

// A hundred times what it takes: what hangs must not keep the others from being measured.
constexpr std::chrono::seconds patience{30};

void read_record(const host_outcome& outcome, finding& found) {
  const auto record = nlohmann::json::parse(outcome.record, nullptr, false);
  if (outcome.timed_out) {
    found.reason = "not measured within 30 s";
  } else if (!record.is_object()) {
    found.reason = "measuring it ended with " + describe_exit(outcome.wait_status);
  } else if (record.contains("reason")) {
    found.reason = record["reason"];
  } else {
    found.measured = {.values = record.at("values"), .overheads = record.at("overheads")};
    found.value = estimate_of(found.measured.values);
  }
}

}  // namespace

finding find_in_host(const cost& what, const std::vector<std::string>& command) {
  finding found{.what = &what};
  host_request request;
  request.command = command;
  request.timeout = patience;
  try {
    read_record(run_host(request), found);
  } catch (const std::exception& error) {
    found.reason = error.what();
  }
  return found;
}

report find_all(const std::function<std::vector<std::string>(const cost&)>& command_of,
                const std::function<void(const cost&)>& begin) {
  report all{.version = FANOUT_VERSION, .started = utc_now(), .machine = describe_machine()};
  for (const cost& what : catalogue()) {
    begin(what);
    all.findings.push_back(what.measure == nullptr ? find_factor(what, all.findings)
                                                   : find_in_host(what, command_of(what)));
  }
  return all;
}

void measure_as_host(const cost& what, const effort& much) {
  nlohmann::json record;
  try {
    const measurement found = what.measure(much);
    record = {{"values", found.values}, {"overheads", found.overheads}};
  } catch (const std::exception& error) {
    record = {{"reason", error.what()}};
  }
  write_host_record(record);
}

}  // namespace lab::costs
