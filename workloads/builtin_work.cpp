// SPDX-License-Identifier: Apache-2.0
// A built-in workload, as the lab and as a host sees it.
#include <fmt/format.h>

#include <utility>

#include "workloads/builtin.hpp"
#include "workloads/native_workload.hpp"

namespace workloads {

namespace {

class builtin_work final : public native_work {
 public:
  explicit builtin_work(const builtin_spec& spec) : work_(*spec.work), amount_(spec.amount) {}

  task_value call(task_input input) override {
    input.amount = amount_;
    return work_.call(std::move(input));
  }

  fanout::task<task_value> call_async(task_input input) override {
    input.amount = amount_;
    return work_.call_async(std::move(input));
  }

  bytes input(unsigned number) const override { return work_.input ? work_.input(amount_, number) : bytes{}; }

  void finish(task_value& returned) const override {
    if (work_.value_of) returned.value = work_.value_of(returned.data);
  }

 private:
  const builtin& work_;
  std::uint64_t amount_;
};

}  // namespace

std::unique_ptr<lab::workload> make_builtin_workload(std::string_view spec) {
  if (!parse_builtin(spec)) throw lab::usage_error(fmt::format("there is no built-in workload '{}'", spec));
  return std::make_unique<native_workload>("builtin", native_spec{.work = std::string(spec)});
}

std::unique_ptr<native_work> make_builtin_work(const builtin_spec& spec) {
  return std::make_unique<builtin_work>(spec);
}

}  // namespace workloads
