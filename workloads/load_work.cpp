// SPDX-License-Identifier: Apache-2.0
// Which kind of native work a text names. To add a kind, see docs/workloads.md.
#include "lab/workload.hpp"
#include "workloads/builtin.hpp"
#include "workloads/command/command.hpp"
#include "workloads/http/http.hpp"
#include "workloads/native_work.hpp"
#include "workloads/plugin/plugin.hpp"

namespace workloads {

std::unique_ptr<native_work> load_work(const native_spec& spec) {
  if (const auto found = parse_command(spec.work)) return make_command_work(*found);
  if (const auto found = parse_http(spec.work)) return make_http_work(*found);
  if (const auto found = parse_builtin(spec.work)) return make_builtin_work(*found);
  if (const auto found = parse_plugin(spec.work)) return load_plugin_work(*found, spec.args);
  throw lab::usage_error("there is no native work '" + spec.work + "'");
}

}  // namespace workloads
