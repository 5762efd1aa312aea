// SPDX-License-Identifier: Apache-2.0
// Functions of a shared library for `fanout compare ./libtasks.so:cpu_task`. Not in fanout.hpp: programs need it not.
#pragma once

#include <cstddef>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "fanout/detail/json_values.hpp"
#include "fanout/detail/plugin.hpp"
#include "fanout/task.hpp"

/// Exports a function from the shared library that this is compiled into, under the name that is written here:
///
///     std::uint64_t cpu_task(std::uint64_t n) { … }
///     FANOUT_EXPORT(cpu_task);
///
/// Write it at namespace scope, in a source file, for a function that is not overloaded: a plain one, a coroutine
/// function that returns task<T>, or a constant lambda without captures. `ns::f` is exported as "ns::f".
///
/// Parameters (by value or const reference) and results are bool, integers (of 128 bits too), floating-point numbers,
/// std::string, and std::vector, std::map<std::string, T>, std::optional and plain structs of such; a struct is a list
/// of its fields in JSON. The function is called from several threads at the same time, and in other processes. If it
/// throws, the task has failed, with what(). The library must be linked with fanout::fanout.
#define FANOUT_EXPORT(function) FANOUT_DETAIL_EXPORT(function, __COUNTER__)

#define FANOUT_DETAIL_EXPORT(function, number) FANOUT_DETAIL_EXPORT_AS(function, number)
#define FANOUT_DETAIL_EXPORT_AS(function, number)                      \
  [[maybe_unused]] static const bool fanout_detail_exported_##number = \
      ::fanout::detail::exported<function>::add(#function)

namespace fanout::detail {

/// Of this library alone, whatever other plugin the tool has loaded.
[[gnu::visibility("hidden")]] inline constinit const plugin_function* first_exported = nullptr;

extern "C" [[gnu::visibility("default"), gnu::used]] inline const plugin_function* FANOUT_DETAIL_PLUGIN_ENTRY() {
  return first_exported;
}

/// Tells of the exception that is being handled.
void tell_error(const plugin_result& result) noexcept;
void tell_value(const plugin_result& result, const std::string& json);
/// fanout::run() of the coroutine, whose value is JSON.
std::string run_exported(task<std::string> call);
/// run_together of a plugin_function.
void run_exported_batch(const plugin_batch& batch, task<std::string> (*call)(plugin_arguments));
/// Throws fanout::error: "takes 1 argument, (whole number), not 2".
[[noreturn]] void throw_wrong_count(std::size_t given, std::size_t wanted, const std::string& parameters);
/// Within a handler: throws fanout::error, with the place of the argument before what is wrong with it.
[[noreturn]] void throw_wrong_argument(std::size_t place);

template <class F>
struct signature_of : signature_of<decltype(&F::operator())> {};
template <class R, class... Args>
struct signature_of<R (*)(Args...)> {
  using result = R;
  using arguments = std::tuple<std::remove_cvref_t<Args>...>;
};
template <class R, class... Args>
struct signature_of<R (*)(Args...) noexcept> : signature_of<R (*)(Args...)> {};
template <class C, class R, class... Args>
struct signature_of<R (C::*)(Args...) const> : signature_of<R (*)(Args...)> {};
template <class C, class R, class... Args>
struct signature_of<R (C::*)(Args...) const noexcept> : signature_of<R (*)(Args...)> {};

template <auto Function>
struct exported {
  using signature = signature_of<std::remove_cv_t<decltype(Function)>>;
  using result = signature::result;
  using arguments = signature::arguments;
  static constexpr std::size_t count = std::tuple_size_v<arguments>;

  static bool add(const char* name) {
    static const std::string parameters = parameters_in_words();
    static const plugin_function entry = {.name = name,
                                          .parameters = parameters.c_str(),
                                          .check = check,
                                          .call = call,
                                          .run_together = is_task<result> ? run_together : nullptr,
                                          .next = first_exported};
    static const bool added = (first_exported = &entry, true);  // once, however often it is exported
    return added;
  }

 private:
  static std::string parameters_in_words() {
    std::string text;
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      ((text += (I == 0 ? "" : ", ") + kind_in_words<std::tuple_element_t<I, arguments>>()), ...);
    }(std::make_index_sequence<count>());
    return "(" + text + ")";
  }

  template <std::size_t I>
  static auto argument(const plugin_value& given) {
    try {
      return from_json<std::tuple_element_t<I, arguments>>(given);
    } catch (...) {
      throw_wrong_argument(I + 1);
    }
  }

  static arguments converted(const plugin_arguments& given) {
    if (given.count != count) throw_wrong_count(given.count, count, parameters_in_words());
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return arguments{argument<I>(given.values[I])...};  // from left to right: the first that is wrong is told
    }(std::make_index_sequence<count>());
  }

  static std::string called(arguments values) {
    if constexpr (std::is_void_v<result>) {
      std::apply(Function, std::move(values));
      return "null";
    } else {
      return to_json(std::apply(Function, std::move(values)));
    }
  }

  static task<std::string> called_async(arguments values) {
    if constexpr (std::is_void_v<typename result::value_type>) {
      co_await std::apply(Function, std::move(values));
      co_return "null";
    } else {
      co_return to_json(co_await std::apply(Function, std::move(values)));
    }
  }

  static task<std::string> call_in_batch(plugin_arguments given) { return called_async(converted(given)); }

  static void check(const plugin_arguments* given, const plugin_result* outcome) {
    try {
      static_cast<void>(converted(*given));
      tell_value(*outcome, "null");
    } catch (...) {
      tell_error(*outcome);
    }
  }

  static void call(const plugin_arguments* given, const plugin_result* outcome) {
    try {
      if constexpr (is_task<result>)
        tell_value(*outcome, run_exported(called_async(converted(*given))));
      else
        tell_value(*outcome, called(converted(*given)));
    } catch (...) {
      tell_error(*outcome);
    }
  }

  static void run_together(const plugin_batch* batch) {
    if constexpr (is_task<result>) run_exported_batch(*batch, call_in_batch);
  }
};

}  // namespace fanout::detail
