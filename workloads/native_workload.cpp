// SPDX-License-Identifier: Apache-2.0
#include "workloads/native_workload.hpp"

#include <algorithm>
#include <utility>

#include "workloads/native_host.hpp"

namespace workloads {

native_workload::native_workload(std::string kind, native_spec spec) : kind_(std::move(kind)), spec_(std::move(spec)) {}

nlohmann::json native_workload::describe() const {
  return {{"kind", kind_}, {"spec", spec_.work}, {"args", spec_.args}};
}

std::optional<std::string> native_workload::unavailable(std::string_view model) const {
  const auto offered = native_models();
  if (std::ranges::find(offered, model) != offered.end()) return std::nullopt;
  return "not offered for native work";
}

std::vector<std::string> native_workload::host_command(std::string_view model, unsigned tasks, unsigned workers) const {
  std::vector<std::string> command = own_command("__run", spec_);
  command.insert(command.end(), {"--model", std::string(model), "--tasks", std::to_string(tasks), "--workers",
                                 std::to_string(workers)});
  return command;
}

std::vector<std::string> own_command(const std::string& command, const native_spec& spec) {
  // Not by its path, under which another program may be by then.
  std::vector<std::string> words = {"/proc/self/exe", command, spec.work};
  for (const std::string& text : spec.args) words.push_back("--arg=" + text);
  return words;
}

}  // namespace workloads
