// SPDX-License-Identifier: Apache-2.0
// Calls of a function in a shared library.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <utility>

#include "workloads/digest.hpp"
#include "workloads/plugin/arguments.hpp"
#include "workloads/plugin/library.hpp"
#include "workloads/plugin/plugin.hpp"
#include "workloads/substitute.hpp"

namespace workloads {

namespace {

using fanout::detail::plugin_arguments;
using fanout::detail::plugin_batch;
using fanout::detail::plugin_function;
using fanout::detail::plugin_result;

/// What the library has told of a call.
struct told {
  std::string json;
  std::string error = "it has returned without a result";

  plugin_result listener() {
    return {.context = this,
            .value =
                [](void* self, const char* text, std::size_t size) {
                  static_cast<told*>(self)->json.assign(text, size);
                  static_cast<told*>(self)->error.clear();
                },
            .error = [](void* self, const char* text,
                        std::size_t size) { static_cast<told*>(self)->error.assign(text, size); }};
  }
};

/// Of any length in a task, of a bounded one in a record.
std::string bounded(std::string text) {
  constexpr std::size_t longest = 100'000, shown = 1000;
  if (text.size() <= longest) return text;
  digest all;
  all.append(text);
  text.resize(shown);
  return fmt::format("{}… ({} bytes, FNV-1a {:016x})", text, all.size(), all.hash());
}

class plugin_work final : public native_work {
 public:
  plugin_work(const plugin_function& function, std::vector<std::string> args)
      : function_(function), args_(std::move(args)) {
    if (std::ranges::none_of(args_, depends_on_number)) same_.emplace(args_, 0);
  }

  task_value call(task_input input) override {
    if (same_) return called(same_->view());
    const plugin_argument_list own(args_, input.number);
    return called(own.view());
  }

  fanout::task<task_value> call_async(task_input input) override { co_return call(std::move(input)); }

  bool has_own_loop() const override { return function_.run_together != nullptr; }

  void run_on_own_loop(unsigned tasks, loop_observer& observer) override {
    batch all{.work = *this, .observer = observer, .own = {}};
    all.own.resize(tasks);
    const plugin_batch described = {
        .context = &all,
        .tasks = tasks,
        .arguments = [](void* self, std::size_t number) { return static_cast<batch*>(self)->arguments(number); },
        .started = [](void* self, std::size_t number) { watching(self).started(static_cast<unsigned>(number)); },
        .ended =
            [](void* self, std::size_t number, const char* json, std::size_t size) {
              watching(self).ended(static_cast<unsigned>(number), {.type = {}, .value = std::string(json, size)});
            },
        .failed =
            [](void* self, std::size_t number, const char* text, std::size_t size) {
              watching(self).failed(static_cast<unsigned>(number), std::string(text, size));
            },
        .beat = [](void* self) { return std::int64_t{watching(self).beat().count()}; }};
    function_.run_together(&described);
  }

  /// Until here the value is the JSON that was returned.
  void finish(task_value& returned) const override {
    const std::string json = std::move(returned.value);
    returned.value.clear();
    switch (json.empty() ? '\0' : json.front()) {
      case 'n':
        returned.type = "none";
        return;
      case 't':
      case 'f':
        returned = {.type = "bool", .value = json};
        return;
      case '"': {
        const auto text = nlohmann::json::parse(json, nullptr, false);
        returned = {.type = "str", .value = bounded(text.is_string() ? text.get<std::string>() : json)};
        return;
      }
      case '[':
      case '{':
        returned = {.type = "json", .value = bounded(json)};
        return;
      default:
        returned = {.type = json.find_first_of(".eE") == std::string::npos ? "int" : "float", .value = json};
    }
  }

 private:
  /// Tasks that are run together, and what they are called with, which lives until all have ended.
  struct batch {
    plugin_work& work;
    loop_observer& observer;
    std::vector<std::unique_ptr<plugin_argument_list>> own;

    plugin_arguments arguments(std::size_t number) {
      if (work.same_) return work.same_->view();
      own[number] = std::make_unique<plugin_argument_list>(work.args_, static_cast<unsigned>(number));
      return own[number]->view();
    }
  };

  static loop_observer& watching(void* self) { return static_cast<batch*>(self)->observer; }

  task_value called(const plugin_arguments& given) const {
    told outcome;
    const plugin_result listener = outcome.listener();
    function_.call(&given, &listener);
    if (!outcome.error.empty()) throw std::runtime_error(outcome.error);
    return {.type = {}, .value = std::move(outcome.json)};
  }

  const plugin_function& function_;
  std::vector<std::string> args_;
  std::optional<plugin_argument_list> same_;  // that every task is called with
};

}  // namespace

std::unique_ptr<native_work> load_plugin_work(const plugin_spec& plugin, const std::vector<std::string>& args) {
  const auto functions = load_library(plugin.file);
  const auto named = std::ranges::find(functions, plugin.function, &plugin_function::name);
  if (named == functions.end())
    throw std::runtime_error(fmt::format("{} exports no function '{}'", plugin.file, plugin.function));
  return std::make_unique<plugin_work>(**named, args);
}

}  // namespace workloads
