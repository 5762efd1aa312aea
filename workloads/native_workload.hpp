// SPDX-License-Identifier: Apache-2.0
// A workload whose hosts are this program with `__run` (native_host.hpp).
#pragma once

#include <string>
#include <string_view>

#include "lab/workload.hpp"
#include "workloads/native_work.hpp"

namespace workloads {

/// To be derived from where there is something to check before anything is run.
class native_workload : public lab::workload {
 public:
  /// `kind`, for the record: "builtin", "plugin", "http", "command".
  native_workload(std::string kind, native_spec spec);

  std::string title() const override { return spec_.work; }
  nlohmann::json describe() const override;
  void prepare(unsigned /*tasks*/) override {}  // it was checked when it was made
  std::optional<std::string> unavailable(std::string_view model) const override;
  std::vector<std::string> host_command(std::string_view model, unsigned tasks, unsigned workers) const override;

 protected:
  const native_spec& spec() const { return spec_; }

 private:
  std::string kind_;
  native_spec spec_;
};

/// This program with a hidden command, its work and arguments.
std::vector<std::string> own_command(const std::string& command, const native_spec& spec);

}  // namespace workloads
