// SPDX-License-Identifier: Apache-2.0
#include "workloads/python/installed.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <set>
#include <sstream>
#include <string_view>
#include <system_error>
#include <utility>

#include "workloads/python/interpreter.hpp"

namespace workloads {

namespace {

namespace fs = std::filesystem;

std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr ? value : "";
}

bool all_digits(std::string_view text) { return text.find_first_not_of("0123456789") == std::string_view::npos; }

/// python, python3, python3.11, python3.13t.
bool names_a_python(std::string_view name) {
  if (name == "python" || name == "python3") return true;
  if (!name.starts_with("python3.")) return false;
  std::string_view minor = name.substr(std::string_view("python3.").size());
  if (minor.ends_with('t')) minor.remove_suffix(1);
  return !minor.empty() && all_digits(minor);
}

std::vector<std::string> pythons_in(const std::string& folder) {
  std::vector<std::string> found;
  std::error_code unreadable;
  for (fs::directory_iterator entry(folder, unreadable), end; !unreadable && entry != end; entry.increment(unreadable))
    if (names_a_python(entry->path().filename().string()) && access(entry->path().c_str(), X_OK) == 0)
      found.push_back(entry->path().string());
  std::ranges::sort(found);
  return found;
}

/// The interpreter of a virtual environment is a link to another one, but is not the same.
std::string identity_of(const std::string& path) {
  std::error_code unreadable;
  const fs::path folder = fs::path(path).parent_path().parent_path();
  if (fs::exists(folder / "pyvenv.cfg", unreadable)) return fs::weakly_canonical(folder, unreadable).string();
  const fs::path real = fs::canonical(path, unreadable);
  return unreadable ? path : real.string();
}

std::vector<std::string> candidates() {
  std::vector<std::string> paths;
  if (const std::string venv = environment("VIRTUAL_ENV"); !venv.empty()) paths.push_back(venv + "/bin/python");
  std::istringstream folders(environment("PATH"));
  for (std::string folder; std::getline(folders, folder, ':');) {
    const auto found = pythons_in(folder);
    paths.insert(paths.end(), found.begin(), found.end());
  }
  std::set<std::string> seen;
  std::erase_if(paths, [&](const std::string& path) { return !seen.insert(identity_of(path)).second; });
  return paths;
}

installed_python ask(const std::string& command) {
  installed_python found{.command = command};
  interpreter python;
  try {
    python = find_interpreter(command);
  } catch (const std::exception& error) {  // no /proc, in which our own place is found
    python.unusable = error.what();
  }
  if (python.unusable) {
    found.problem = *python.unusable;
    found.too_old = python.too_old;
    return found;
  }
  found.executable = python.executable;
  found.version = python.about.value("version", "");
  found.implementation = python.about.value("implementation", "");
  found.gil = python.abilities.value("gil", true);
  found.subinterpreters = python.abilities.value("subinterpreters", false);
  for (const char* model : {"threads", "processes"})  // which need it
    if (const auto problem = python.models.find(model); problem != python.models.end() && problem->is_string())
      found.extension_problem = *problem;
  return found;
}

}  // namespace

std::vector<installed_python> find_pythons() {
  std::vector<installed_python> all;
  std::set<std::string> seen;  // behind shims, which are different files, there may be the same interpreter
  for (const std::string& command : candidates())
    if (installed_python found = ask(command);
        !found.problem.empty() || seen.insert(identity_of(found.executable)).second)
      all.push_back(std::move(found));
  return all;
}

nlohmann::ordered_json to_json(const installed_python& found) {
  nlohmann::ordered_json result = {{"command", found.command}, {"usable", found.problem.empty()}};
  if (!found.problem.empty()) {
    result["problem"] = found.problem;
    return result;
  }
  result["executable"] = found.executable;
  result["version"] = found.version;
  result["implementation"] = found.implementation;
  result["gil"] = found.gil;
  result["subinterpreters"] = found.subinterpreters;
  result["extension"] = found.extension_problem.empty();
  if (!found.extension_problem.empty()) result["extension_problem"] = found.extension_problem;
  return result;
}

}  // namespace workloads
