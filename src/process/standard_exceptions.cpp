// SPDX-License-Identifier: Apache-2.0
// The exceptions that need no registration: those of the standard library, and fanout's own.
#include <any>
#include <array>
#include <filesystem>
#include <functional>
#include <future>
#include <ios>
#include <memory>
#include <new>
#include <regex>
#include <utility>
#include <variant>
#include <version>
#ifdef __cpp_lib_format
#include <format>
#endif

#include "exception_registry.hpp"
#include "fanout/errors.hpp"

namespace fanout::detail {

namespace {

template <class... Es>
inline constexpr std::array forms_of = {form_of<Es>...};

/// A category with the message that a code had where it was thrown: the language there may be another.
class quoted_category final : public std::error_category {
 public:
  explicit quoted_category(std::string message) : message_(std::move(message)) {}
  const char* name() const noexcept override { return "quoted"; }
  std::string message(int) const override { return message_; }

 private:
  std::string message_;
};

/// With as many paths as it was made with: what() shows empty ones, too.
std::filesystem::filesystem_error made_like(const std::string& text, const std::string& kept,
                                            const std::error_code& code, const std::filesystem::path& path1,
                                            const std::filesystem::path& path2) {
  std::filesystem::filesystem_error made(kept, path1, path2, code);
  if (made.what() == text || !path2.empty()) return made;
  made = std::filesystem::filesystem_error(kept, path1, code);
  if (made.what() == text || !path1.empty()) return made;
  return std::filesystem::filesystem_error(kept, code);
}

std::variant<std::monostate, int> valueless_variant() {
  struct thrower {
    operator int() const { throw 0; }
  };
  std::variant<std::monostate, int> made;
  try {
    made.emplace<int>(thrower());
  } catch (int) {  // as intended
  }
  return made;
}

/// The ways to get one, since what it says cannot be set.
std::bad_variant_access thrown_by_variant(int way) {
  const auto nothing = [](auto) {};
  try {
    if (way == 1) static_cast<void>(std::get<1>(std::variant<std::monostate, int>()));
    if (way == 2) static_cast<void>(std::get<1>(valueless_variant()));
    if (way == 3) std::visit(nothing, valueless_variant());
    if (way == 4) std::visit<void>(nothing, valueless_variant());
  } catch (const std::bad_variant_access& thrown) {
    return thrown;
  }
  return {};
}

}  // namespace

template <>
struct exception_parts<std::filesystem::filesystem_error> {
  using type = std::filesystem::filesystem_error;

  static void save(writer& to, const type& thrown) {
    const std::string message = thrown.code().message(), added = ": " + message;
    std::string kept = kept_text(thrown);
    if (kept.ends_with(added)) kept.resize(kept.size() - added.size());
    save_code(to, thrown.code());
    to(message, kept, thrown.path1().native(), thrown.path2().native());
  }
  static std::optional<type> make(reader& from, const std::string& text) {
    const auto code = load_code(from);
    std::string message, kept, path1, path2;
    from(message, kept, path1, path2);
    if (!code) return std::nullopt;
    const quoted_category category(message);
    type made = made_like(text, kept, std::error_code(code->value(), category), path1, path2);
    const std::string with_message = kept_text(made);
    static_cast<std::system_error&>(made) = std::system_error(*code);
    keep_text(made, with_message);
    return made;
  }
};

template <>
struct exception_parts<std::future_error> {
  static void save(writer& to, const std::future_error& thrown) { to(thrown.code().value(), kept_text(thrown)); }
  static std::optional<std::future_error> make(reader& from, const std::string&) {
    int code = 0;
    std::string kept;
    from(code, kept);
    std::future_error made(static_cast<std::future_errc>(code));
    keep_text(made, kept);
    return made;
  }
};

template <>
struct exception_parts<std::regex_error> {
  static constexpr int largest_code = 15;  // that the enumeration can hold

  static void save(writer& to, const std::regex_error& thrown) {
    to(static_cast<int>(thrown.code()), kept_text(thrown));
  }
  static std::optional<std::regex_error> make(reader& from, const std::string&) {
    int code = 0;
    std::string kept;
    from(code, kept);
    if (code < 0 || code > largest_code) throw serialization_error("there is no such code");
    std::regex_error made(static_cast<std::regex_constants::error_type>(code));
    keep_text(made, kept);
    return made;
  }
};

template <>
struct exception_parts<std::bad_variant_access> {
  static void save(writer&, const std::bad_variant_access&) {}
  static std::optional<std::bad_variant_access> make(reader&, const std::string& text) {
    for (int way = 1; way <= 4; ++way) {
      const auto made = thrown_by_variant(way);
      if (text == made.what()) return made;
    }
    return std::bad_variant_access();
  }
};

template <>
struct exception_parts<remote_error> {
  static void save(writer& to, const remote_error& thrown) { to(thrown.type()); }
  static std::optional<remote_error> make(reader& from, const std::string& text) {
    std::string type;
    from(type);
    return remote_error(std::move(type), text);
  }
};

template <>
struct exception_parts<worker_died> {
  static void save(writer& to, const worker_died& thrown) { to(thrown.signal(), thrown.exit_code(), thrown.pid()); }
  static std::optional<worker_died> make(reader& from, const std::string& text) {
    int signal = 0, exit_code = 0;
    pid_t pid = 0;
    from(signal, exit_code, pid);
    return worker_died(text, signal, exit_code, pid);
  }
};

std::span<const exception_form> standard_forms() noexcept {
  static constexpr auto& forms =
      forms_of<std::runtime_error, std::logic_error, std::invalid_argument, std::out_of_range, std::domain_error,
               std::length_error, std::range_error, std::overflow_error, std::underflow_error, std::system_error,
               std::ios_base::failure, std::filesystem::filesystem_error, std::future_error, std::regex_error,
#ifdef __cpp_lib_format
               std::format_error,
#endif
               std::exception, std::bad_exception, std::bad_alloc, std::bad_array_new_length, std::bad_cast,
               std::bad_any_cast, std::bad_typeid, std::bad_function_call, std::bad_weak_ptr, std::bad_optional_access,
               std::bad_variant_access, failed_result, std::bad_expected_access<std::error_code>,
               std::bad_expected_access<std::string>, error, timed_out, pool_closed, pool_broken, serialization_error,
               not_importable, memory_limit_exceeded, node_lost, channel_closed, remote_error, worker_died, cancelled>;
  return forms;
}

}  // namespace fanout::detail
