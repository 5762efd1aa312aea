// SPDX-License-Identifier: Apache-2.0
// How workers find functions, and what is said when they cannot: T34.
#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "fanout/errors.hpp"
#include "support.hpp"

namespace {

using fanout::process_pool;
using answer_fn = int (*)(int);

class ProcessPoolShipping : public fanout_test::each_start_method {
 protected:
  void SetUp() override {
    each_start_method::SetUp();
    plugin_ = ::testing::TempDir() + "fanout_plugin_" + std::to_string(::getpid()) + ".so";
    std::filesystem::copy_file(FANOUT_PLUGIN, plugin_, std::filesystem::copy_options::overwrite_existing);
    handle_ = ::dlopen(plugin_.c_str(), RTLD_NOW | RTLD_LOCAL);
    ASSERT_NE(handle_, nullptr) << ::dlerror();
    answer_ = reinterpret_cast<answer_fn>(::dlsym(handle_, "plugin_answer"));
  }
  void TearDown() override {
    if (handle_ != nullptr) ::dlclose(handle_);
    std::filesystem::remove(plugin_);
    each_start_method::TearDown();
  }

  static bool has_what_the_program_has_loaded() { return GetParam() == fanout::start_method::fork; }

  std::string plugin_;
  void* handle_ = nullptr;
  answer_fn answer_ = nullptr;
};
FANOUT_FOR_EACH_START_METHOD(ProcessPoolShipping);

TEST_P(ProcessPoolShipping, FindsFunctionsOfLoadedLibraries) {  // T34
  process_pool pool(options(1));
  EXPECT_EQ(pool.submit(answer_, 1).get(), 2);
}

TEST_P(ProcessPoolShipping, FindsFunctionsOfTheCLibrary) {  // T34
  process_pool pool(options(1));
  std::size_t (*const length)(const char*) = &std::strlen;
  EXPECT_EQ(pool.submit(length, "four").get(), 4U);
}

TEST_P(ProcessPoolShipping, NoticesALibraryThatWasRebuilt) {  // T34
  std::filesystem::remove(plugin_);
  std::filesystem::copy_file(FANOUT_PLUGIN_REBUILT, plugin_);
  process_pool pool(options(1));
  if (has_what_the_program_has_loaded()) {
    EXPECT_EQ(pool.submit(answer_, 1).get(), 2);
    return;
  }
  const auto error =
      fanout_test::thrown_by<fanout::not_importable>([&] { static_cast<void>(pool.submit(answer_, 1).get()); });
  EXPECT_NE(std::string(error.what()).find(plugin_), std::string::npos) << error.what();
  EXPECT_NE(std::string(error.what()).find("another build"), std::string::npos) << error.what();
  EXPECT_EQ(pool.submit([] { return 1; }).get(), 1);
}

TEST_P(ProcessPoolShipping, NoticesALibraryThatIsGone) {  // T34
  std::filesystem::remove(plugin_);
  process_pool pool(options(1));
  if (has_what_the_program_has_loaded()) {
    EXPECT_EQ(pool.submit(answer_, 1).get(), 2);
    return;
  }
  const auto error =
      fanout_test::thrown_by<fanout::not_importable>([&] { static_cast<void>(pool.submit(answer_, 1).get()); });
  EXPECT_NE(std::string(error.what()).find("cannot open shared object"), std::string::npos) << error.what();
}

TEST_P(ProcessPoolShipping, RefusesFunctionsOfUnloadedLibraries) {  // T34
  process_pool pool(options(1));
  EXPECT_EQ(pool.submit(answer_, 1).get(), 2);
  ::dlclose(std::exchange(handle_, nullptr));
  EXPECT_THROW(static_cast<void>(pool.submit(answer_, 1)), fanout::not_importable);
}

TEST_P(ProcessPoolShipping, FindsALibraryThatWasLoadedFromElsewhereBefore) {  // T34
  process_pool pool(options(1));
  EXPECT_EQ(pool.submit(answer_, 1).get(), 2);
  ::dlclose(handle_);
  const std::string moved = plugin_ + ".moved";
  std::filesystem::rename(plugin_, moved);
  handle_ = ::dlopen(moved.c_str(), RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(handle_, nullptr) << ::dlerror();
  answer_ = reinterpret_cast<answer_fn>(::dlsym(handle_, "plugin_answer"));
  EXPECT_THROW(pool.submit([] { ::_exit(1); }).get(), fanout::worker_died);  // the next worker has not loaded it
  EXPECT_EQ(pool.submit(answer_, 1).get(), 2);
  std::filesystem::remove(moved);
}

TEST_P(ProcessPoolShipping, RefusesGeneratedCode) {  // T34
  process_pool pool(options(1));
  void* const page = ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const auto generated = reinterpret_cast<answer_fn>(page);
  const auto error =
      fanout_test::thrown_by<fanout::not_importable>([&] { static_cast<void>(pool.submit(generated, 1)); });
  EXPECT_NE(std::string(error.what()).find("not in any module"), std::string::npos) << error.what();
  ::munmap(page, 4096);
}

}  // namespace
