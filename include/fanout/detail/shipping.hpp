// SPDX-License-Identifier: Apache-2.0
// Calls to bytes and back: what may be called in a worker, how its arguments travel, and the function that the worker
// calls to decode them, make the call and encode the result.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#include "fanout/detail/archive.hpp"
#include "fanout/detail/remote_work.hpp"
#include "fanout/detail/standard_types.hpp"
#include "fanout/errors.hpp"
#include "fanout/stop.hpp"

namespace fanout::detail {

/// Inside a catch block: throws what is being handled as serialization_error: "argument 2 of type T could not be
/// decoded in the worker: …". One that is a serialization_error of ours already gets the same frame.
[[noreturn]] void rethrow_as_serialization_error(const char* what, std::size_t number, const std::type_info& type,
                                                 const char* did);
/// Throws serialization_error: a null pointer came in place of a text.
[[noreturn]] void throw_null_text();

/// How an argument of (decayed) type A is kept while it travels, and as what the function gets it.
template <class A>
struct traveller {
  using type = A;
  static const A& pack(const A& value) noexcept { return value; }
  static A&& pass(A& value) noexcept { return std::move(value); }
};
/// Texts are copied: what a view looks at stays behind.
template <class C, class Traits>
struct traveller<std::basic_string_view<C, Traits>> {
  using type = std::basic_string<C, Traits>;
  static type pack(std::basic_string_view<C, Traits> value) { return type(value); }
  static std::basic_string_view<C, Traits> pass(const type& value) noexcept { return value; }
};
template <>
struct traveller<const char*> {
  using type = std::string;
  static type pack(const char* value) {
    if (value == nullptr) throw_null_text();
    return value;
  }
  static const char* pass(const type& value) noexcept { return value.c_str(); }
};
template <>
struct traveller<char*> : traveller<const char*> {};
template <class T, std::size_t N>
struct traveller<std::span<T, N>> {
  using type = std::vector<std::remove_const_t<T>>;
  static type pack(std::span<T, N> value) { return type(value.begin(), value.end()); }
  static std::span<T, N> pass(type& value) noexcept { return std::span<T, N>(value.data(), value.size()); }
};

template <class A>
using travels_as = typename traveller<std::decay_t<A>>::type;
template <class A>
using passed_as = decltype(traveller<std::decay_t<A>>::pass(std::declval<travels_as<A>&>()));

/// A stop_token is passed first only if f cannot be called without.
template <class F, class... Args>
inline constexpr bool takes_token_remotely = !std::is_invocable_v<std::decay_t<F>, passed_as<Args>...> &&
                                             std::is_invocable_v<std::decay_t<F>, stop_token, passed_as<Args>...>;

/// What f(args…) gives in the worker, by value. void if it cannot be called so: check_shippable() says what is wrong.
template <class F, class... Args>
struct remote_result {
  using type = void;
};
template <class F, class... Args>
  requires std::is_invocable_v<std::decay_t<F>, passed_as<Args>...>
struct remote_result<F, Args...> {
  using type = std::remove_cvref_t<std::invoke_result_t<std::decay_t<F>, passed_as<Args>...>>;
};
template <class F, class... Args>
  requires takes_token_remotely<F, Args...>
struct remote_result<F, Args...> {
  using type = std::remove_cvref_t<std::invoke_result_t<std::decay_t<F>, stop_token, passed_as<Args>...>>;
};
template <class F, class... Args>
using remote_result_t = typename remote_result<F, Args...>::type;

/// Found in the worker by its type alone.
template <class F>
concept stateless = std::is_class_v<F> && std::is_empty_v<F> && std::is_default_constructible_v<F>;

/// Says at compile time why `f(args…)` cannot be run in a worker.
template <class F, class... Args>
constexpr void check_shippable() {
  using callable = std::decay_t<F>;
  static_assert(!std::is_member_pointer_v<callable>,
                "fanout: a member function goes to a process pool as fanout::fn<&S::f>: pool.submit(fanout::fn<&S::f>, "
                "object, arguments…)");
  static_assert(is_function_pointer<callable> || stateless<callable> || std::is_member_pointer_v<callable>,
                "fanout: this callable has state (a lambda with captures, a std::function, …), which cannot travel to "
                "another process: take the captures as parameters and pass them as arguments: pool.submit([](int a, "
                "int b) { … }, a, b)");
  static_assert(std::is_invocable_v<callable, passed_as<Args>...> || takes_token_remotely<callable, Args...>,
                "fanout: the function cannot be called with these arguments. They travel by value and are passed as "
                "rvalues, so a parameter must be T, const T& or T&&, not T&");
}

/// What a worker hands to a thunk.
struct remote_call {
  const incoming_message& in;
  byte_buffer& out;
  void* function;         ///< the user's function pointer, where the call is about one
  stop_token token = {};  ///< asked to stop by future::cancel, for functions that take it
};
using thunk_fn = void (*)(remote_call&);

/// `from`: a reader, or the bytes themselves. Throws serialization_error.
template <class From, class T>
void decode_argument(From& from, T& value, std::size_t number) {
  try {
    if constexpr (std::same_as<From, reader>) {
      from(value);
    } else {
      read_bytes(from, value);
    }
  } catch (...) {
    rethrow_as_serialization_error("argument", number, typeid(T), "decoded in the worker");
  }
}

template <class... Travelling>
void decode_arguments(const incoming_message& in, Travelling&... arguments) {
  std::size_t number = 0;
  if constexpr ((bytes_type<Travelling> && ...)) {
    auto from = in.bytes;
    (decode_argument(from, arguments, ++number), ...);
  } else {
    reader from(in);
    (decode_argument(from, arguments, ++number), ...);
  }
}

/// Throws serialization_error. On failure `out` is as long as before.
template <class T>
void encode_value(byte_buffer& out, const T& value, const char* what, std::size_t number, const char* side) {
  const std::size_t before = out.size();
  try {
    if constexpr (bytes_type<T>) {
      out.append(std::addressof(value), sizeof value);
    } else {
      writer archive(out);
      archive(value);
    }
  } catch (...) {
    out.shrink(out.size() - before);
    rethrow_as_serialization_error(what, number, typeid(T), side);
  }
}

/// Runs in the worker: throws what the user's function throws, or serialization_error.
template <class F, class... Args>
void run_remotely(remote_call& call) {
  std::tuple<travels_as<Args>...> arguments;
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    decode_arguments(call.in, std::get<I>(arguments)...);
    const auto callable = [&]() -> F {
      if constexpr (is_function_pointer<F>) {
        return reinterpret_cast<F>(call.function);
      } else {
        return F{};
      }
    };
    const auto invoke = [&]() -> decltype(auto) {
      if constexpr (takes_token_remotely<F, Args...>) {
        return std::invoke(callable(), call.token, traveller<Args>::pass(std::get<I>(arguments))...);
      } else {
        return std::invoke(callable(), traveller<Args>::pass(std::get<I>(arguments))...);
      }
    };
    if constexpr (std::is_void_v<decltype(invoke())>) {
      invoke();
    } else {
      decltype(auto) value = invoke();
      encode_value(call.out, value, "the result", 0, "encoded in the worker");
    }
  }(std::index_sequence_for<Args...>());
}

/// Where the worker finds the code for calling `f` with arguments of these (decayed) types. Throws not_importable.
template <class F, class... Args>
call_target locate_call(const std::decay_t<F>& f) {
  constexpr thunk_fn thunk = &run_remotely<std::decay_t<F>, Args...>;
  call_target target;
  target.thunk = locate_code(reinterpret_cast<const void*>(thunk));
  if constexpr (is_function_pointer<std::decay_t<F>>) target.function = locate_code(reinterpret_cast<const void*>(f));
  target.takes_token = takes_token_remotely<F, Args...>;
  return target;
}

/// Appends one item: the length of its arguments and their bytes.
template <class... Args>
void encode_item(byte_buffer& out, const Args&... args) {
  const std::size_t begin = out.size();
  out.append_value(std::uint64_t{0});
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    (encode_value(out, traveller<std::decay_t<Args>>::pack(args), "argument", I + 1, "encoded"), ...);
  }(std::index_sequence_for<Args...>());
  out.overwrite(begin, std::uint64_t{out.size() - begin - sizeof(std::uint64_t)});
}

}  // namespace fanout::detail
