// SPDX-License-Identifier: Apache-2.0
#include "exception_registry.hpp"

#include <future>
#include <ios>
#include <type_traits>

namespace fanout::detail {

namespace {

template <class T>
void push(registered<T>*& first, registered<T>& link) noexcept {
  link.next = first;
  first = &link;
}

template <class T>
void take_out(registered<T>*& first, registered<T>& link) noexcept {
  registered<T>** at = &first;
  while (*at != nullptr && *at != &link) at = &(*at)->next;
  if (*at != nullptr) *at = link.next;
}

/// Of an unnamed namespace: another file may have a type of this name, which compilers do not tell apart by it.
bool is_of_one_file(std::string_view name) { return name.find("_GLOBAL__N_") != std::string_view::npos; }

const std::error_category* standard_category(std::string_view name) {
  for (const auto* category :
       {&std::generic_category(), &std::system_category(), &std::iostream_category(), &std::future_category()}) {
    if (name == category->name()) return category;
  }
  return nullptr;
}

}  // namespace

void exception_registry::add(registered_form& form) noexcept {
  const std::lock_guard lock(mutex_);
  push(forms_, form);
}
void exception_registry::add(registered_category& category) noexcept {
  const std::lock_guard lock(mutex_);
  push(categories_, category);
}
void exception_registry::remove(registered_form& form) noexcept {
  const std::lock_guard lock(mutex_);
  take_out(forms_, form);
}
void exception_registry::remove(registered_category& category) noexcept {
  const std::lock_guard lock(mutex_);
  take_out(categories_, category);
}

std::optional<exception_form> exception_registry::find_form(std::string_view name, const std::type_info* type) {
  const bool by_place = is_of_one_file(name);
  std::optional<exception_form> found;
  const std::lock_guard lock(mutex_);
  for (const auto* link = forms_; link != nullptr; link = link->next) {
    if (name != link->value.type->name()) continue;
    if (by_place && type != nullptr && type != link->value.type) continue;
    if (by_place && found && found->type != link->value.type) return std::nullopt;
    found = link->value;  // the last is the oldest, which is the program's rather than that of a library it has loaded
  }
  return found;
}

const std::error_category* exception_registry::find_category(std::string_view name) {
  const std::lock_guard lock(mutex_);
  const std::error_category* found = nullptr;
  for (const auto* link = categories_; link != nullptr; link = link->next) {
    if (name == link->value->name()) found = link->value;
  }
  return found;
}

bool exception_registry::has(const std::error_category& category) {
  const std::lock_guard lock(mutex_);
  for (const auto* link = categories_; link != nullptr; link = link->next) {
    if (link->value == &category) return true;
  }
  return false;
}

void add_registered(registered_form& form) noexcept { fanout_exception_registry_1()->add(form); }
void add_registered(registered_category& category) noexcept { fanout_exception_registry_1()->add(category); }
void remove_registered(registered_form& form) noexcept { fanout_exception_registry_1()->remove(form); }
void remove_registered(registered_category& category) noexcept { fanout_exception_registry_1()->remove(category); }

std::optional<exception_form> find_form(std::string_view name, const std::type_info* type) {
  for (const exception_form& form : standard_forms()) {
    if (name == form.type->name()) return form;
  }
  return fanout_exception_registry_1()->find_form(name, type);
}

void save_code(writer& to, const std::error_code& code) {
  const std::error_category& category = code.category();
  const bool known = standard_category(category.name()) == &category || fanout_exception_registry_1()->has(category);
  to(std::string(known ? category.name() : ""), code.value());
}

std::optional<std::error_code> load_code(reader& from) {
  std::string name;
  int value = 0;
  from(name, value);
  if (name.empty()) return std::nullopt;
  const std::error_category* category = standard_category(name);
  if (category == nullptr) category = fanout_exception_registry_1()->find_category(name);
  if (category == nullptr) return std::nullopt;
  return std::error_code(value, *category);
}

}  // namespace fanout::detail

// Weak, so that no optimizer thinks it knows which one is called: the dynamic linker says. Every program that links
// fanout exports it, see CMakeLists.txt.
extern "C" __attribute__((visibility("default"), weak)) fanout::detail::exception_registry*
fanout_exception_registry_1() noexcept {
  using fanout::detail::exception_registry;
  static constinit exception_registry registry;
  static_assert(std::is_trivially_destructible_v<exception_registry>);  // static destructors use it, in any order
  return &registry;
}
