// SPDX-License-Identifier: Apache-2.0
// The plugin's side of a call: errors as text, and the loop on which coroutine functions run.
#include <chrono>
#include <exception>
#include <utility>

#include "core/type_names.hpp"
#include "fanout/errors.hpp"
#include "fanout/event_loop.hpp"
#include "fanout/export.hpp"
#include "fanout/gather.hpp"
#include "fanout/sleep.hpp"
#include "fanout/spawn.hpp"

namespace fanout::detail {

namespace {

/// Of the exception that is being handled.
std::string error_in_words() {
  try {
    throw;
  } catch (const error& ours) {
    return ours.what();
  } catch (const std::exception& theirs) {
    return type_name(typeid(theirs)) + ": " + theirs.what();
  } catch (const cancelled&) {
    return "it was cancelled";
  } catch (...) {
    return "it threw what is no std::exception";
  }
}

/// One task of a batch, from its arguments to what is told of it.
task<> run_one(const plugin_batch& batch, std::size_t number, task<std::string> (*call)(plugin_arguments)) {
  std::string failure;
  batch.started(batch.context, number);
  try {
    const std::string json = co_await call(batch.arguments(batch.context, number));
    batch.ended(batch.context, number, json.data(), json.size());
    co_return;
  } catch (...) {
    failure = error_in_words();
  }
  batch.failed(batch.context, number, failure.data(), failure.size());
}

task<> beat(const plugin_batch& batch) {
  for (;;) co_await sleep(std::chrono::nanoseconds(batch.beat(batch.context)));
}

task<> run_all(const plugin_batch& batch, std::vector<task<>> tasks) {
  const auto beating = spawn(beat(batch));
  co_await gather(std::move(tasks));
}

}  // namespace

void tell_error(const plugin_result& result) noexcept {
  const std::string text = error_in_words();
  result.error(result.context, text.data(), text.size());
}

void tell_value(const plugin_result& result, const std::string& json) {
  result.value(result.context, json.data(), json.size());
}

std::string run_exported(task<std::string> call) { return run(std::move(call)); }

void run_exported_batch(const plugin_batch& batch, task<std::string> (*call)(plugin_arguments)) {
  std::vector<task<>> tasks;
  for (std::size_t i = 0; i < batch.tasks; ++i) tasks.push_back(run_one(batch, i, call));
  run(run_all(batch, std::move(tasks)));
}

void throw_wrong_count(std::size_t given, std::size_t wanted, const std::string& parameters) {
  if (wanted == 0) throw error("it takes no arguments, not " + std::to_string(given));
  throw error("it takes " + std::to_string(wanted) + (wanted == 1 ? " argument, " : " arguments, ") + parameters +
              ", not " + std::to_string(given));
}

void throw_wrong_argument(std::size_t place) {
  throw error("argument " + std::to_string(place) + ": " + error_in_words());
}

}  // namespace fanout::detail
