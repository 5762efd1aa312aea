// SPDX-License-Identifier: Apache-2.0
// Symbol tables, read with libelf. The file is mapped: no more of it is read than the sections' headers, the table of
// symbols and the page with the name.
#include "symbols.hpp"

#include <cxxabi.h>
#include <elf.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <link.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>
#include <system_error>

#include "descriptor.hpp"

namespace fanout::detail {

namespace {

using symbol = ElfW(Sym);

constexpr char own_file[] = "/proc/self/exe";

/// Is this what a process that runs the same executable calls it? Perhaps before its file was replaced or removed; a
/// long path may have lost its beginning to "...".
bool is_own_executable(std::string_view path) {
  std::error_code ignored;
  const std::string now = std::filesystem::read_symlink(own_file, ignored).string();
  if (path.starts_with("...")) return now.ends_with(path.substr(3));
  return !now.empty() && (path == now || std::string(path) + " (deleted)" == now);
}

/// Paths come from records that nobody vouches for: whatever is no regular file is left alone.
descriptor open_regular(const std::string& path) {
  struct stat what{};
  if (::stat(path.c_str(), &what) != 0 || !S_ISREG(what.st_mode)) return {};
  return descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
}

class elf_file {
 public:
  explicit elf_file(const std::string& path) : descriptor_(open_regular(path)) {
    if (!descriptor_ || ::elf_version(EV_CURRENT) == EV_NONE) return;
    elf_.reset(::elf_begin(descriptor_.get(), ELF_C_READ_MMAP, nullptr));
    constexpr int native = sizeof(void*) == 8 ? ELFCLASS64 : ELFCLASS32;
    if (elf_ != nullptr && (::elf_kind(elf_.get()) != ELF_K_ELF || ::gelf_getclass(elf_.get()) != native)) elf_.reset();
  }

  /// In the first table of this type (SHT_SYMTAB or SHT_DYNSYM).
  std::optional<std::string> function_at(std::uint64_t offset, unsigned table_type) const {
    Elf_Scn* section = nullptr;
    while (elf_ != nullptr && (section = ::elf_nextscn(elf_.get(), section)) != nullptr) {
      GElf_Shdr header;
      if (::gelf_getshdr(section, &header) == nullptr || header.sh_type != table_type) continue;
      const symbol* const found = innermost(symbols_in(section), offset);
      const char* const name = found != nullptr ? ::elf_strptr(elf_.get(), header.sh_link, found->st_name) : nullptr;
      if (name != nullptr && *name != '\0') return name;
    }
    return std::nullopt;
  }

 private:
  struct closer {
    void operator()(Elf* elf) const noexcept { ::elf_end(elf); }
  };

  static std::span<const symbol> symbols_in(Elf_Scn* section) {
    const Elf_Data* const data = ::elf_getdata(section, nullptr);
    if (data == nullptr || data->d_buf == nullptr || data->d_type != ELF_T_SYM) return {};
    return {static_cast<const symbol*>(data->d_buf), data->d_size / sizeof(symbol)};
  }

  static bool is_function(const symbol& s) noexcept {
    const auto type = ELF64_ST_TYPE(s.st_info);  // the same for both classes
    return (type == STT_FUNC || type == STT_GNU_IFUNC) && s.st_shndx != SHN_UNDEF;
  }

  /// Of those that contain `offset`, the one that begins last.
  static const symbol* innermost(std::span<const symbol> symbols, std::uint64_t offset) noexcept {
    const symbol* best = nullptr;
    for (const symbol& s : symbols) {
      if (offset - s.st_value >= s.st_size || !is_function(s)) continue;
      if (best == nullptr || s.st_value > best->st_value) best = &s;
    }
    return best;
  }

  descriptor descriptor_;
  std::unique_ptr<Elf, closer> elf_;
};

}  // namespace

std::optional<std::string> symbol_at(const std::string& module_path, std::uint64_t offset) {
  const elf_file file(is_own_executable(module_path) ? own_file : module_path);
  if (auto name = file.function_at(offset, SHT_SYMTAB)) return name;
  return file.function_at(offset, SHT_DYNSYM);
}

std::string demangled(const std::string& linker_name) {
  struct free_deleter {
    void operator()(char* text) const { std::free(text); }
  };
  if (!linker_name.starts_with("_Z")) return linker_name;  // else "i" would be "int"
  int status = 0;
  const std::unique_ptr<char, free_deleter> text(abi::__cxa_demangle(linker_name.c_str(), nullptr, nullptr, &status));
  return text ? text.get() : linker_name;
}

}  // namespace fanout::detail
