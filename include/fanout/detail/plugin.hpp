// SPDX-License-Identifier: Apache-2.0
// What passes between the tool and a shared library of functions (export.hpp). Each has a fanout, a compiler and a
// standard library of its own, so it is plain data and pointers to functions, nothing of C++. Whoever changes anything
// here gives the symbol the next number: then old and new refuse each other in words.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fanout::detail {

/// The symbol that a plugin exports: `const plugin_function* fanout_plugin_1()`, the first of its functions.
#define FANOUT_DETAIL_PLUGIN_VERSION 1
#define FANOUT_DETAIL_PLUGIN_ENTRY fanout_plugin_1

/// An argument: a value of JSON. What it points to lives until the call has returned.
struct plugin_value {
  enum kind_of : std::int32_t { null, boolean, number, text, list, object };
  std::int32_t kind;
  const char* characters;  // of a text, without quotes and escapes; of a boolean and a number, as JSON writes them
  std::size_t size;
  const plugin_value* items;  // of a list; of an object each name, a text, and its value
  std::size_t count;
};

struct plugin_arguments {
  const plugin_value* values;
  std::size_t count;
};

/// What came of a call: the plugin calls one of the functions, once. The text lives until that returns.
struct plugin_result {
  void* context;
  void (*value)(void* context, const char* json, std::size_t size);
  void (*error)(void* context, const char* text, std::size_t size);
};

/// All tasks of a coroutine function, on an event loop of the plugin's own. It calls all of these on that loop's
/// thread.
struct plugin_batch {
  void* context;
  std::size_t tasks;
  plugin_arguments (*arguments)(void* context, std::size_t task);
  void (*started)(void* context, std::size_t task);
  void (*ended)(void* context, std::size_t task, const char* json, std::size_t size);
  void (*failed)(void* context, std::size_t task, const char* error, std::size_t size);
  std::int64_t (*beat)(void* context);  // to be called again after so many nanoseconds, until all have ended
};

struct plugin_function {
  const char* name;
  const char* parameters;                                        // for people: "(whole number, text)"
  void (*check)(const plugin_arguments*, const plugin_result*);  // does it take these? value "null", or an error
  void (*call)(const plugin_arguments*, const plugin_result*);
  void (*run_together)(const plugin_batch*);  // of a coroutine function, else null
  const plugin_function* next;
};

}  // namespace fanout::detail
