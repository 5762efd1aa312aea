// SPDX-License-Identifier: Apache-2.0
// sleep and cpu, and the table they are in.
#include "workloads/builtin.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <fanout/sleep.hpp>
#include <thread>

#include "workloads/builtin_host.hpp"
#include "workloads/decimal.hpp"

namespace workloads {

namespace {

std::uint64_t parse_seconds(std::string_view text) {
  double seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds, std::chars_format::fixed);
  if (error != std::errc{} || end != text.data() + text.size() || !(seconds >= 1e-9) || seconds > 1e6)
    throw lab::usage_error("sleep:" + std::string(text) +
                           ": how long? In seconds, more than 0 and at most 1000000: sleep:1 or sleep:0.25");
  return static_cast<std::uint64_t>(std::llround(seconds * 1e9));
}

task_value sleep_blocking(std::uint64_t nanoseconds) {
  std::this_thread::sleep_for(std::chrono::nanoseconds(nanoseconds));
  return {.type = "none", .value = {}};
}

fanout::task<task_value> sleep_async(std::uint64_t nanoseconds) {
  co_await fanout::sleep(std::chrono::nanoseconds(nanoseconds));
  co_return task_value{.type = "none", .value = {}};
}

constexpr std::uint64_t most_squares = 10'000'000'000'000;  // their sum just fits into 128 bits

std::uint64_t parse_count(std::string_view text) {
  std::uint64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc{} || end != text.data() + text.size() || count == 0 || count > most_squares)
    throw lab::usage_error("cpu:" + std::string(text) +
                           ": how many? A whole number from 1 to 10000000000000: cpu:100000000");
  return count;
}

/// The sum of i² for i < count. Without the barrier the compiler replaces the loop by a formula: it must not know i.
uint128 sum_of_squares(std::uint64_t count) {
  uint128 sum = 0;
  for (uint128 i = 0; i < count; ++i) {
    auto low = static_cast<std::uint64_t>(i), high = static_cast<std::uint64_t>(i >> 64);
    asm volatile("" : "+r"(low), "+r"(high));
    i = (static_cast<uint128>(high) << 64) | low;
    sum += i * i;
  }
  return sum;
}

task_value cpu_blocking(std::uint64_t count) { return {.type = "int", .value = to_decimal(sum_of_squares(count))}; }

fanout::task<task_value> cpu_async(std::uint64_t count) { co_return cpu_blocking(count); }

constexpr builtin table[] = {
    {.name = "sleep",
     .argument = "SECONDS",
     .about = "a task that waits",
     .tasks = 5,
     .parse = parse_seconds,
     .call = sleep_blocking,
     .call_async = sleep_async},
    {.name = "cpu",
     .argument = "N",
     .about = "a task that computes: the sum of i*i for i < N, exactly",
     .tasks = 2,
     .parse = parse_count,
     .call = cpu_blocking,
     .call_async = cpu_async},
};

class builtin_workload final : public lab::workload {
 public:
  explicit builtin_workload(std::string_view spec) : spec_(spec) {}

  std::string title() const override { return spec_; }

  nlohmann::json describe() const override {
    return {{"kind", "builtin"}, {"spec", spec_}, {"args", nlohmann::json::array()}};
  }

  void prepare(unsigned) override {}  // it was checked when it was made

  std::optional<std::string> unavailable(std::string_view model) const override {
    const auto offered = builtin_models();
    if (std::ranges::find(offered, model) != offered.end()) return std::nullopt;
    return "not offered for built-in workloads";
  }

  std::vector<std::string> host_command(std::string_view model, unsigned tasks, unsigned workers) const override {
    return {"/proc/self/exe",  // not its path, under which another program may be by then
            "__run",          spec_,
            "--model",        std::string(model),
            "--tasks",        std::to_string(tasks),
            "--workers",      std::to_string(workers)};
  }

 private:
  std::string spec_;
};

}  // namespace

std::span<const builtin> builtins() { return table; }

std::optional<builtin_spec> parse_builtin(std::string_view spec) {
  const std::size_t colon = spec.find(':');
  for (const builtin& work : table)
    if (colon != std::string_view::npos && spec.substr(0, colon) == work.name)
      return builtin_spec{.work = &work, .amount = work.parse(spec.substr(colon + 1))};
  return std::nullopt;
}

std::unique_ptr<lab::workload> make_builtin_workload(std::string_view spec) {
  if (!parse_builtin(spec)) throw lab::usage_error("there is no built-in workload '" + std::string(spec) + "'");
  return std::make_unique<builtin_workload>(spec);
}

}  // namespace workloads
