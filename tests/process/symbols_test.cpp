// SPDX-License-Identifier: Apache-2.0
// Names of functions by file and offset, whatever the file is.
#include "process/symbols.hpp"

#include <dlfcn.h>
#include <link.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>
#include <string>

#include "support.hpp"

namespace {

using fanout::detail::demangled;
using fanout::detail::symbol_at;

class Symbols : public fanout_test::clean_process_test {};

__attribute__((noinline)) int function_of_this_file(int number) {
  asm volatile("");
  return number;
}

std::string own_executable() { return std::filesystem::read_symlink("/proc/self/exe"); }

/// From the load bias of its module.
template <class Function>
std::uint64_t offset_of(Function* function) {
  void* const address = reinterpret_cast<void*>(function);
  dl_find_object found{};
  if (::_dl_find_object(address, &found) != 0) throw std::logic_error("in no module");
  return reinterpret_cast<std::uintptr_t>(address) - found.dlfo_link_map->l_addr;
}

std::string output_of(const std::string& program) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(program.c_str(), "re"), ::pclose);
  std::string output;
  for (int c; (c = std::fgetc(pipe.get())) != EOF;) output += static_cast<char>(c);
  return output;
}

class temporary_file {
 public:
  ~temporary_file() { std::filesystem::remove(path_); }
  const std::string& path() const noexcept { return path_; }

 private:
  const std::string path_ = ::testing::TempDir() + "fanout_symbols_" + std::to_string(::getpid());
};

TEST_F(Symbols, NameAStaticFunction) {
  const auto offset = offset_of(function_of_this_file);
  const auto name = symbol_at(own_executable(), offset);
  ASSERT_TRUE(name);
  EXPECT_EQ(*name, "_ZN12_GLOBAL__N_121function_of_this_fileEi");
  EXPECT_EQ(demangled(*name), "(anonymous namespace)::function_of_this_file(int)");
  EXPECT_EQ(symbol_at(own_executable(), offset + 1), name) << "its second byte";
  EXPECT_NE(symbol_at(own_executable(), offset - 1), name);
}

TEST_F(Symbols, NameTheFunctionsThatAStrippedLibraryExports) {
  for (const char* const file : {FANOUT_PLUGIN, FANOUT_PLUGIN_REBUILT}) {
    const std::unique_ptr<void, int (*)(void*)> library(::dlopen(file, RTLD_NOW), ::dlclose);
    ASSERT_TRUE(library);
    const auto offset = offset_of(reinterpret_cast<int (*)(int)>(::dlsym(library.get(), "plugin_answer")));
    EXPECT_EQ(symbol_at(file, offset), "plugin_answer");
  }
}

TEST_F(Symbols, NameFunctionsOfAProgramAtAFixedAddress) {
  const std::string address = output_of(FANOUT_FIXED_ADDRESS);
  EXPECT_EQ(symbol_at(FANOUT_FIXED_ADDRESS, std::stoull(address, nullptr, 16)), "function_at_a_fixed_address");
}

TEST_F(Symbols, AreThoseOfTheRunningProgramWhenItsFileWasReplaced) {
  const temporary_file copy;
  std::filesystem::copy_file(FANOUT_REPLACED_PROGRAM, copy.path());
  const std::string name = "(anonymous namespace)::function_of_this_program()\n";
  EXPECT_EQ(output_of(copy.path()), name + name);
}

TEST_F(Symbols, AreNotFoundOutsideOfFunctions) {
  EXPECT_EQ(symbol_at(own_executable(), 1), std::nullopt);
  EXPECT_EQ(symbol_at(own_executable(), static_cast<std::uint64_t>(-1)), std::nullopt);
  static int variable;
  dl_find_object found{};
  ASSERT_EQ(::_dl_find_object(&variable, &found), 0);
  EXPECT_EQ(symbol_at(own_executable(), reinterpret_cast<std::uintptr_t>(&variable) - found.dlfo_link_map->l_addr),
            std::nullopt);
}

TEST_F(Symbols, AreNotLookedForInWhatIsNoModule) {
  const temporary_file file;
  EXPECT_EQ(symbol_at("", 0), std::nullopt);
  EXPECT_EQ(symbol_at(file.path(), 0), std::nullopt) << "it does not exist";
  EXPECT_EQ(symbol_at("/", 0), std::nullopt);
  EXPECT_EQ(symbol_at("/dev/zero", 0), std::nullopt);
  std::ofstream(file.path()) << "no module";
  EXPECT_EQ(symbol_at(file.path(), 0), std::nullopt);
  std::filesystem::remove(file.path());
  ASSERT_EQ(::mkfifo(file.path().c_str(), 0600), 0);
  EXPECT_EQ(symbol_at(file.path(), 0), std::nullopt) << "a pipe, which nobody writes to";
}

TEST_F(Symbols, OfADamagedFileAreAnything) {
  const temporary_file file;
  std::ifstream in(FANOUT_PLUGIN, std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  const auto look_into = [&](const std::string& bytes) {
    std::ofstream(file.path(), std::ios::binary | std::ios::trunc) << bytes;
    for (std::uint64_t offset = 0; offset < whole.size(); offset += 0x400) symbol_at(file.path(), offset);
  };
  std::mt19937 random(1);
  for (int i = 0; i < 50; ++i) look_into(whole.substr(0, random() % whole.size()));
  for (int i = 0; i < 150; ++i) {
    std::string bytes = whole;
    for (int damages = 0; damages < 20; ++damages)
      bytes[random() % (i % 2 == 0 ? 64 : bytes.size())] = static_cast<char>(random());
    look_into(bytes);
  }
}

TEST_F(Symbols, ThatAreNotOfCppStayAsTheyAre) {
  EXPECT_EQ(demangled("main"), "main");
  EXPECT_EQ(demangled("i"), "i");
  EXPECT_EQ(demangled("_Zsomething"), "_Zsomething");
  EXPECT_EQ(demangled("_Z1fi"), "f(int)");
}

}  // namespace
