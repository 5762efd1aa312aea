// SPDX-License-Identifier: Apache-2.0
// Pools in a program whose main is not ours. Its workers are forks of one such program, or each is one.
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

ended run_host(const std::string& arguments) {
  return run(std::string(FANOUT_FOREIGN_HOST) + " " + FANOUT_FOREIGN_MODULE + " " + arguments);
}

TEST(ForeignHost, ForksItsWorkersFromOneProcessThatHasLoadedTheModule) {
  const auto [code, output] = run_host("forkserver");
  EXPECT_EQ(code, 0) << output;
  EXPECT_EQ(output, "one program\n");
}

TEST(ForeignHost, StartsEachWorkerAnewIfToldSo) {
  const auto [code, output] = run_host("spawn");
  EXPECT_EQ(code, 0) << output;
  EXPECT_EQ(output, "a program each\n");
}

TEST(ForeignHost, StartsEachWorkerAnewIfTheProgramHasThreadsByThen) {
  const auto [code, output] = run_host("forkserver threads");
  EXPECT_EQ(code, 0) << output;
  EXPECT_EQ(output, "a program each\n");
}

TEST(ForeignHost, CannotBeAWorkerItself) {
  const auto [code, output] = run_host("no-command");
  EXPECT_EQ(code, 72);
  EXPECT_NE(output.find("fanout::init(argc, argv)"), std::string::npos) << output;
}

}  // namespace
