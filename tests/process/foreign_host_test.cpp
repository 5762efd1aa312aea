// SPDX-License-Identifier: Apache-2.0
// Pools in a program whose main is not ours: fanout-worker is its nanny, and the program itself its workers.
#include <sys/wait.h>

#include <cstdio>

#include "support.hpp"

namespace {

struct ended {
  int code;
  std::string output;
};

ended run(const std::string& command) {
  std::string output;
  FILE* const pipe = ::popen((command + " 2>&1").c_str(), "r");
  char part[256];
  while (const auto size = std::fread(part, 1, sizeof part, pipe)) output.append(part, size);
  const int status = ::pclose(pipe);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status), output};
}

TEST(ForeignHost, ItsWorkersFindTheFunctionsOfALoadedModule) {
  const auto [code, output] = run(std::string(FANOUT_FOREIGN_HOST) + " " + FANOUT_FOREIGN_MODULE);
  EXPECT_EQ(code, 0) << output;
}

TEST(ForeignHost, CannotBeAWorkerItself) {
  const auto [code, output] = run(std::string(FANOUT_FOREIGN_HOST) + " " + FANOUT_FOREIGN_MODULE + " no-command");
  EXPECT_EQ(code, 72);
  EXPECT_NE(output.find("fanout::init(argc, argv)"), std::string::npos) << output;
}

}  // namespace
