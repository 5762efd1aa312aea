// SPDX-License-Identifier: Apache-2.0
// Modules by build-id, read from the dynamic linker's list.
#include "module_table.hpp"

#include <dlfcn.h>
#include <link.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <filesystem>
#include <mutex>
#include <string_view>

#include "fanout/errors.hpp"

namespace fanout::detail {

namespace {

std::size_t padded(std::size_t size, std::size_t alignment) { return (size + alignment - 1) / alignment * alignment; }

/// The build-id among the notes of one PT_NOTE segment.
std::string build_id_in(const char* notes, std::size_t size, std::size_t alignment) {
  if (alignment < 4) alignment = 4;
  while (size >= sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) note;
    std::memcpy(&note, notes, sizeof note);
    const std::size_t name_at = sizeof note;
    const std::size_t data_at = padded(name_at + note.n_namesz, alignment);
    const std::size_t next = padded(data_at + note.n_descsz, alignment);
    if (data_at + note.n_descsz > size) break;
    if (note.n_type == NT_GNU_BUILD_ID &&
        std::string_view(notes + name_at, note.n_namesz) == std::string_view("GNU", 4))
      return std::string(notes + data_at, note.n_descsz);
    if (next >= size) break;
    notes += next;
    size -= next;
  }
  return {};
}

std::string own_executable() {
  std::error_code ignored;
  return std::filesystem::read_symlink("/proc/self/exe", ignored).string();
}

loaded_module describe(const dl_phdr_info& info, bool main_program) {
  loaded_module module;
  module.base = info.dlpi_addr;
  module.identity.path = main_program ? own_executable() : info.dlpi_name;
  for (int i = 0; i < info.dlpi_phnum; ++i) {
    const auto& segment = info.dlpi_phdr[i];
    const std::uintptr_t begin = info.dlpi_addr + segment.p_vaddr;
    if (segment.p_type == PT_LOAD && (segment.p_flags & PF_X) != 0)
      module.code.push_back({begin, begin + segment.p_memsz});
    if (segment.p_type == PT_NOTE && module.identity.build_id.empty())
      module.identity.build_id =
          build_id_in(reinterpret_cast<const char*>(begin), segment.p_memsz, static_cast<std::size_t>(segment.p_align));
  }
  return module;
}

/// How often modules were loaded and unloaded: the same numbers, the same modules.
struct load_count {
  unsigned long long adds = 0, subs = 0;
  friend bool operator==(const load_count&, const load_count&) = default;
};

load_count current_load_count() {
  load_count count;
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* to) {
        *static_cast<load_count*>(to) = {info->dlpi_adds, info->dlpi_subs};
        return 1;  // the first says it for all
      },
      &count);
  return count;
}

/// This program's modules, numbered in the order in which code of theirs was first asked for. Numbers are never given
/// up, since workers remember them.
class module_table {
 public:
  code_location locate(std::uintptr_t address) {
    const std::lock_guard lock(mutex_);
    if (const auto now = current_load_count(); now != seen_) {
      loaded_ = loaded_modules();
      numbers_.assign(loaded_.size(), code_location::nowhere);
      seen_ = now;
    }
    const auto found =
        std::ranges::find_if(loaded_, [&](const loaded_module& module) { return module.holds_code(address); });
    if (found == loaded_.end()) throw_no_module(address);
    if (found->identity.build_id.empty()) throw_no_build_id(found->identity.path);
    auto& number = numbers_[static_cast<std::size_t>(found - loaded_.begin())];
    if (number == code_location::nowhere) number = number_of(found->identity);
    return {number, 0, address - found->base};
  }

  const module_identity& at(std::uint32_t index) {
    const std::lock_guard lock(mutex_);
    return identities_.at(index);
  }

 private:
  std::uint32_t number_of(const module_identity& identity) {
    // Its path too: it may have been loaded from another place before, where it is no more.
    const auto known = std::ranges::find(identities_, identity);
    const auto index = static_cast<std::uint32_t>(known - identities_.begin());
    if (known == identities_.end()) identities_.push_back(identity);
    return index;
  }

  [[noreturn]] static void throw_no_module(std::uintptr_t address) {
    char text[32];
    std::snprintf(text, sizeof text, "0x%zx", address);
    throw not_importable(
        std::string("the function at ") + text +
        " is not in any module of this program (generated code, or a library that was unloaded), so no "
        "worker can find it: submit a function of the program or of a loaded library");
  }
  [[noreturn]] static void throw_no_build_id(const std::string& path) {
    throw not_importable("the function is in " + path +
                         ", which has no build-id, so a worker cannot verify that it has the same one: link it with "
                         "-Wl,--build-id");
  }

  std::mutex mutex_;
  load_count seen_;
  std::vector<loaded_module> loaded_;
  std::vector<std::uint32_t> numbers_;      // beside loaded_: each one's index in identities_
  std::deque<module_identity> identities_;  // a deque: references stay valid
};

module_table& table() {
  static auto* const the_table = new module_table;  // never destroyed: tasks may be submitted until the very end
  return *the_table;
}

std::string hex(const std::string& bytes) {
  std::string text;
  for (const char byte : bytes) {
    constexpr char digits[] = "0123456789abcdef";
    text += digits[static_cast<unsigned char>(byte) >> 4];
    text += digits[static_cast<unsigned char>(byte) & 15];
  }
  return text;
}

std::optional<loaded_module> find_loaded(const std::string& build_id) {
  for (auto& module : loaded_modules()) {
    if (module.identity.build_id == build_id) return std::move(module);
  }
  return std::nullopt;
}

}  // namespace

bool loaded_module::holds_code(std::uintptr_t address) const noexcept {
  return std::ranges::any_of(code, [&](const range& r) { return address >= r.begin && address < r.end; });
}

std::vector<loaded_module> loaded_modules() {
  std::vector<loaded_module> modules;
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* to) {
        auto& list = *static_cast<std::vector<loaded_module>*>(to);
        list.push_back(describe(*info, list.empty()));
        return 0;
      },
      &modules);
  return modules;
}

code_location locate_code(const void* address) { return table().locate(reinterpret_cast<std::uintptr_t>(address)); }

const module_identity& module_at(std::uint32_t index) { return table().at(index); }

loaded_module find_module(const module_identity& identity) {
  if (auto module = find_loaded(identity.build_id)) return *std::move(module);
  std::string reason = "it now holds another build";
  if (dlopen(identity.path.c_str(), RTLD_NOW | RTLD_LOCAL) == nullptr) {
    const char* const error = dlerror();
    reason = error != nullptr ? error : "it cannot be loaded";
  }
  if (auto module = find_loaded(identity.build_id)) return *std::move(module);
  throw not_importable("the worker (" + own_executable() + ") cannot find the function: it belongs to " +
                       identity.path + " with build-id " + hex(identity.build_id) +
                       ", which is not loaded there, and " + reason +
                       ". Workers need the very build that the function was submitted from: restart the program after "
                       "a rebuild, or load the module before fanout::init()");
}

void* address_in(const loaded_module& module, std::uint64_t offset) {
  const std::uintptr_t address = module.base + static_cast<std::uintptr_t>(offset);
  if (!module.holds_code(address))
    throw not_importable("the function's offset is outside the code of " + module.identity.path);
  return reinterpret_cast<void*>(address);
}

}  // namespace fanout::detail
