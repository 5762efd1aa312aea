// SPDX-License-Identifier: Apache-2.0
// Words of commands, names of functions in libraries, parts of URLs.
#include <gmock/gmock.h>

#include "workloads/command/command.hpp"
#include "workloads/http/http.hpp"
#include "workloads/plugin/plugin.hpp"
#include "workloads/substitute.hpp"

namespace {

using testing::ElementsAre;
using namespace workloads;

TEST(CommandWords, AreThoseOfAShell) {
  EXPECT_THAT(*parse_command("cmd:sort -r  file"), ElementsAre("sort", "-r", "file"));
  EXPECT_THAT(*parse_command("cmd:\techo\n a\t"), ElementsAre("echo", "a"));
  EXPECT_THAT(*parse_command(R"(cmd:echo 'a b' "c d" e\ f)"), ElementsAre("echo", "a b", "c d", "e f"));
  EXPECT_THAT(*parse_command(R"(cmd:echo a'b'"c"d '' "")"), ElementsAre("echo", "abcd", "", ""));
  EXPECT_THAT(*parse_command(R"(cmd:echo '"\' "'\"\\\n")"), ElementsAre("echo", R"("\)", R"('"\\n)"));
}

TEST(CommandWords, MeanNothingElse) {
  EXPECT_THAT(*parse_command("cmd:a | b > c; $d `e` *"), ElementsAre("a", "|", "b", ">", "c;", "$d", "`e`", "*"));
}

TEST(CommandWords, AreNoneOfOtherWork) {
  EXPECT_FALSE(parse_command("cpu:5"));
  EXPECT_FALSE(parse_command("cmd"));
}

TEST(CommandWords, NeedACommandAndTheEndOfEachQuote) {
  for (const char* work : {"cmd:", "cmd:   ", "cmd:''", "cmd:'' x", "cmd:a 'b", "cmd:a \"b\\\"", "cmd:a \\"})
    EXPECT_THROW(static_cast<void>(parse_command(work)), lab::usage_error) << work;
}

TEST(PluginName, IsAFileAndAFunction) {
  const auto parts = [](const char* work) {
    const auto found = parse_plugin(work);
    return found ? found->file + " " + found->function : "none";
  };
  EXPECT_EQ(parts("./libtasks.so:cpu_task"), "./libtasks.so cpu_task");
  EXPECT_EQ(parts("/a/b.so.1.2:f"), "/a/b.so.1.2 f");
  EXPECT_EQ(parts("./x.so:ns::f"), "./x.so ns::f");
  EXPECT_EQ(parts("./a:b/x.so:f"), "./a:b/x.so f");
  EXPECT_EQ(parts("./x.so:"), "./x.so ");
  EXPECT_EQ(parts("./x.so"), "./x.so ");
  for (const char* other : {"x.py:f", ".so:f", "x.sox:f", "x.so.:f", "x.so.a:f", "", ":", "so:f"})
    EXPECT_EQ(parts(other), "none") << other;
}

TEST(Url, IsTakenApart) {
  const http_target all = target_of({.url = "http://host:8080/a/b?c={i}&d#e"}, 12);
  EXPECT_EQ(all.host, "host");
  EXPECT_EQ(all.port, 8080);
  EXPECT_EQ(all.host_and_port, "host:8080");
  EXPECT_EQ(all.path, "/a/b?c=12&d");
  const http_target least = target_of({.url = "http://[::1]?q"}, 0);
  EXPECT_EQ(least.host, "::1");
  EXPECT_EQ(least.port, 80);
  EXPECT_EQ(least.host_and_port, "[::1]");
  EXPECT_EQ(least.path, "/?q");
}

TEST(Url, IsRefusedWhereItIsNone) {
  EXPECT_FALSE(parse_http("cpu:5"));
  EXPECT_FALSE(parse_http("http:x"));
  EXPECT_TRUE(parse_http("http://h/{i}"));
  for (const char* work : {"https://h/", "http://", "http:///x", "http://h:0/", "http://h:70000/", "http://a b/",
                           "http://h{i}/", "http://h:8{i}/", "http://u@h/", "http://h/\n"})
    EXPECT_THROW(static_cast<void>(parse_http(work)), lab::usage_error) << work;
}

TEST(NumberOfTheTask, TakesEachPlaceOfIt) {
  EXPECT_EQ(with_number("{i} a{i}{i}{", 12), "12 a1212{");
  EXPECT_EQ(with_number("", 1), "");
  EXPECT_TRUE(depends_on_number("a{i}"));
  EXPECT_FALSE(depends_on_number("{ i}"));
}

}  // namespace
