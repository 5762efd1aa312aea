// SPDX-License-Identifier: Apache-2.0
// The Python workload as the lab sees it: what it refuses, what it cannot run, and the commands it gives.
#include "workloads/python/python_workload.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "lab/host_process.hpp"
#include "lab/process_tree.hpp"
#include "workloads/python/interpreter.hpp"

namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class PythonWorkload : public testing::Test {
 protected:
  void SetUp() override {
    lab::become_subreaper();
    unsetenv("VIRTUAL_ENV");
    char name[] = "/tmp/fanout-test-XXXXXX";
    folder_ = mkdtemp(name);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string file(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
    return (folder_ / name).string();
  }

  /// A program that is asked in place of an interpreter.
  std::string program(const std::string& name, const std::string& script) const {
    const std::string path = file(name, "#!/bin/sh\n" + script);
    chmod(path.c_str(), 0755);
    return path;
  }

  static std::unique_ptr<lab::workload> prepared(workloads::python_spec spec) {
    auto work = workloads::make_python_workload(std::move(spec));
    work->prepare(1);
    return work;
  }

  static std::string refusal(const workloads::python_spec& spec) {
    try {
      prepared(spec);
    } catch (const lab::usage_error& error) {
      return error.what();
    }
    return "(not refused)";
  }

  static std::string unavailable(const lab::workload& work, std::string_view model) {
    return work.unavailable(model).value_or("(available)");
  }

  fs::path folder_;
};

workloads::python_spec cpu_task(std::string interpreter = {}) {
  return {.file = workloads::notebook_tasks_file(),
          .function = "cpu_task",
          .async_function = {},
          .args = {"1000"},
          .interpreter = std::move(interpreter)};
}

TEST_F(PythonWorkload, RunsEveryModelItOffers) {
  const auto work = prepared(cpu_task());
  std::vector<std::string> models = {"serial", "async"};
  if (fs::exists(workloads::support_directory() + "/_fanout.abi3.so")) {  // sanitizer builds have none
    models.insert(models.end(), {"threads", "processes"});
  }
  for (const auto& model : models) {
    ASSERT_EQ(unavailable(*work, model), "(available)");
    const auto outcome =
        lab::run_host({.command = work->host_command(model, 2, 2), .environment = work->host_environment(model)});
    const auto record = nlohmann::json::parse(outcome.record);
    ASSERT_EQ(record.at("tasks").size(), 2U) << model;
    EXPECT_EQ(record["tasks"][1]["value"].get<std::string>(), "332833500") << model;
  }
}

TEST_F(PythonWorkload, KnowsHowItsThreadsWaitForTheInterpreter) {
  const auto work = prepared(cpu_task());
  if (unavailable(*work, "threads") != "(available)") GTEST_SKIP() << unavailable(*work, "threads");
  const auto outcome =
      lab::run_host({.command = work->host_command("threads", 2, 2), .environment = work->host_environment("threads")});
  const auto gil = nlohmann::json::parse(outcome.record).at("gil");
  EXPECT_TRUE(gil.contains("waits")) << gil;
}

TEST_F(PythonWorkload, PreloadsItsMeterBeforeWhatTheUserPreloads) {
  const std::string meter = workloads::support_directory() + "/libfanout_gil.so";
  if (!fs::exists(meter)) GTEST_SKIP() << "sanitizer builds have none";
  const auto work = workloads::make_python_workload(cpu_task());
  EXPECT_THAT(work->host_environment("threads"), testing::ElementsAre("LD_PRELOAD=" + meter));
  setenv("LD_PRELOAD", "libm.so.6", 1);
  EXPECT_THAT(work->host_environment("threads"), testing::ElementsAre("LD_PRELOAD=" + meter + ":libm.so.6"));
  unsetenv("LD_PRELOAD");
  EXPECT_THAT(work->host_environment("serial"), testing::IsEmpty());
}

TEST_F(PythonWorkload, OffersNoUnknownModel) {
  EXPECT_EQ(unavailable(*prepared(cpu_task()), "fibers"), "not offered for Python functions");
}

TEST_F(PythonWorkload, RunsTheAsyncFunctionInItsPlaceUnderAsync) {
  auto spec = cpu_task();
  spec.function = "fetch_data";
  spec.async_function = "fetch_data_async";
  spec.args = {"{i}", "0"};
  const auto work = prepared(spec);
  EXPECT_THAT(work->host_command("async", 1, 1), testing::Contains("--function=fetch_data_async"));
  EXPECT_THAT(work->host_command("threads", 1, 1), testing::Contains("--function=fetch_data"));
}

TEST_F(PythonWorkload, IsTitledLikeACall) {
  auto spec = cpu_task();
  spec.args = {"{i}", "1"};
  EXPECT_EQ(workloads::make_python_workload(spec)->title(), "tasks.py:cpu_task({i}, 1)");
}

TEST_F(PythonWorkload, OfAModuleIsTitledAndDescribedByItsName) {
  auto spec = cpu_task();
  spec.file.clear();
  spec.module = "package.module";
  spec.kwargs = {"unit='s'"};
  spec.args_from = "folder/inputs.jsonl";
  const auto work = workloads::make_python_workload(spec);
  EXPECT_EQ(work->title(), "package.module:cpu_task(1000, *inputs.jsonl, unit='s')");
  EXPECT_EQ(work->describe().at("spec"), "package.module:cpu_task");
  EXPECT_EQ(work->describe().at("kwargs"), nlohmann::json({"unit='s'"}));
  EXPECT_THAT(work->host_command("serial", 1, 1), testing::IsSupersetOf({"--module=package.module", "--kwarg=unit='s'",
                                                                         "--args-from=folder/inputs.jsonl"}));
}

TEST_F(PythonWorkload, DescribesWhatRunsAndOnWhat) {
  const auto work = prepared(cpu_task());
  const nlohmann::json about = work->describe();
  EXPECT_EQ(about.at("kind").get<std::string>(), "python");
  EXPECT_EQ(about.at("spec").get<std::string>(), workloads::notebook_tasks_file() + ":cpu_task");
  EXPECT_EQ(about.at("args"), nlohmann::json({"1000"}));
  EXPECT_EQ(work->host().at("python").at("implementation").get<std::string>(), "CPython");
}

TEST_F(PythonWorkload, RunsTheInterpreterItselfInPlaceOfAShim) {
  const std::string shim = program("python-shim", "exec python3 \"$@\"\n");
  const auto work = prepared(cpu_task(shim));
  EXPECT_EQ(work->host_command("serial", 1, 1).front(), work->host().at("python").at("executable").get<std::string>());
  EXPECT_NE(work->host_command("serial", 1, 1).front(), shim);
}

TEST_F(PythonWorkload, PrefersTheActiveVirtualEnvironment) {
  fs::create_directories(folder_ / "venv/bin");
  fs::rename(program("python", "echo venv chosen; exit 7\n"), folder_ / "venv/bin/python");
  setenv("VIRTUAL_ENV", (folder_ / "venv").c_str(), 1);
  EXPECT_THAT(unavailable(*prepared(cpu_task()), "serial"), HasSubstr("venv chosen"));
}

TEST_F(PythonWorkload, SaysWhyAModelCannotRunTheFunction) {
  auto spec = cpu_task();
  spec.function = "fetch_data_async";
  spec.args = {"{i}", "0"};
  EXPECT_THAT(unavailable(*prepared(spec), "to_thread"), HasSubstr("fetch_data_async is a coroutine function"));
  EXPECT_EQ(unavailable(*prepared(cpu_task()), "to_thread"), "(available)");
}

TEST_F(PythonWorkload, IsUnavailableWithoutAnInterpreter) {
  setenv("PATH", folder_.c_str(), 1);
  const auto work = prepared(cpu_task());
  for (const char* model : {"serial", "async", "threads", "processes"}) {
    EXPECT_EQ(unavailable(*work, model), "no python3 on PATH");
  }
  EXPECT_EQ(work->host(), nlohmann::json::object());
}

TEST_F(PythonWorkload, IsUnavailableWhenTheChosenInterpreterDoesNotExist) {
  EXPECT_EQ(unavailable(*prepared(cpu_task("/nowhere/python3")), "serial"), "no such file: /nowhere/python3");
}

TEST_F(PythonWorkload, IsUnavailableOnAnOldPython) {
  const std::string old =
      program("python2", "echo '{\"python\": {\"version\": \"3.9.2\", \"executable\": \"/old/python3\"}}' >&3\n");
  EXPECT_EQ(unavailable(*prepared(cpu_task(old)), "serial"),
            "Python 3.9.2 at /old/python3: fanout needs 3.11 or later");
}

TEST_F(PythonWorkload, IsUnavailableOnWhatIsNoPython) {
  const std::string broken = program("broken", "echo 'cannot find my library' >&2; exit 1\n");
  EXPECT_EQ(unavailable(*prepared(cpu_task(broken)), "serial"),
            "'" + broken + "' does not work as a Python: exit code 1, after printing: cannot find my library");
}

TEST_F(PythonWorkload, RefusesAMissingFile) {
  auto spec = cpu_task();
  spec.file = "nowhere.py";
  EXPECT_EQ(refusal(spec), "no such file: nowhere.py");
}

TEST_F(PythonWorkload, RefusesAFolder) {
  auto spec = cpu_task();
  spec.file = folder_.string();
  EXPECT_EQ(refusal(spec), folder_.string() + " is a directory; name a Python file in it");
}

TEST_F(PythonWorkload, RefusesAnUnknownFunctionAndNamesThoseThereAre) {
  auto spec = cpu_task();
  spec.function = "cpu_tusk";
  EXPECT_THAT(refusal(spec), HasSubstr("has no function 'cpu_tusk'; it has cpu_task, fetch_data, fetch_data_async"));
}

TEST_F(PythonWorkload, RefusesASyntaxErrorAndShowsIt) {
  auto spec = cpu_task();
  spec.file = file("wrong.py", "def cpu_task(:\n");
  EXPECT_THAT(refusal(spec), HasSubstr("SyntaxError: invalid syntax"));
  EXPECT_THAT(refusal(spec), HasSubstr("line 1"));
}

TEST_F(PythonWorkload, RefusesAWrongNumberOfArguments) {
  auto spec = cpu_task();
  spec.args = {"1", "2"};
  EXPECT_THAT(refusal(spec), HasSubstr("cpu_task(n) cannot be called so: too many positional arguments"));
}

TEST_F(PythonWorkload, RefusesAFileThatKillsTheInterpreterAtImport) {
  auto spec = cpu_task();
  spec.file = file("deadly.py", "import os\nprint('goodbye', flush=True)\nos.abort()\n");
  EXPECT_THAT(refusal(spec), HasSubstr("importing " + spec.file + " ended the interpreter: SIGABRT"));
}

}  // namespace
