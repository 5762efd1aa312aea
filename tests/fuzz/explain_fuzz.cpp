// SPDX-License-Identifier: Apache-2.0
// `fanout explain` with any file, in any format: refused with a message, or shown; and what it shows as JSON it shows
// the same way again. Bytes at random are hardly ever JSON, so most inputs are records with some of their values
// changed.
#include <sanitizer/common_interface_defs.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "cli/explain.hpp"
#include "cli/output.hpp"
#include "cli/report.hpp"
#include "input.hpp"
#include "lab/workload.hpp"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace {

using fanout_fuzz::input;
using fanout_fuzz::require;
using nlohmann::json;

/// A file in memory, with a name.
class memory_file {
 public:
  memory_file() : descriptor_(memfd_create("fanout-fuzz", MFD_CLOEXEC)) {
    require(descriptor_ >= 0, "there is memory");
  }
  memory_file(const memory_file&) = delete;
  memory_file& operator=(const memory_file&) = delete;
  ~memory_file() { close(descriptor_); }

  int descriptor() const { return descriptor_; }
  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

  void become(std::string_view text) const {
    require(ftruncate(descriptor_, 0) == 0, "it can be emptied");
    require(pwrite(descriptor_, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()), "it can be written");
  }
  std::string text() const {
    std::string all(static_cast<std::size_t>(lseek(descriptor_, 0, SEEK_END)), '\0');
    require(pread(descriptor_, all.data(), all.size(), 0) == static_cast<ssize_t>(all.size()), "it can be read");
    return all;
  }

 private:
  int descriptor_;
};

/// While it lives, what is written to a standard stream goes to a file.
class redirected {
 public:
  redirected(int stream, const memory_file& to) : stream_(stream), before_(dup(stream)) {
    to.become("");
    lseek(to.descriptor(), 0, SEEK_SET);
    dup2(to.descriptor(), stream_);
  }
  redirected(const redirected&) = delete;
  redirected& operator=(const redirected&) = delete;
  ~redirected() {
    dup2(before_, stream_);
    close(before_);
  }

 private:
  int stream_, before_;
};

/// What is printed; nothing if the document is refused.
std::optional<std::string> explained(std::string_view document, const cli::report_options& report) {
  static const memory_file file, out, err;
  file.become(document);
  try {
    const redirected results(STDOUT_FILENO, out), problems(STDERR_FILENO, err);
    const cli::exit_code code = cli::run_explain({.file = file.path(), .report = report});
    require(code >= cli::ok && code <= cli::results_differ && code != cli::usage, "it ends with a code of a report");
  } catch (const lab::usage_error&) {
    return std::nullopt;
  }
  return out.text();
}

/// What the first byte says.
cli::report_options options_of(std::uint8_t byte) {
  cli::report_options options{.format = static_cast<cli::output_format>(byte % 4), .strict = (byte & 4) != 0};
  if ((byte & 8) != 0) options.claims.push_back(cli::parse_assertion("threads < 0.9*serial"));
  return options;
}

// --- records with some values changed

void collect(json& value, std::vector<json*>& all) {
  all.push_back(&value);
  if (value.is_structured())
    for (json& part : value) collect(part, all);
}

json unlikely(std::minstd_rand& random) {
  static const json values[] = {nullptr,
                                true,
                                0,
                                1,
                                -1,
                                3,
                                0.5,
                                1e-300,
                                1e300,
                                4294967296,
                                18446744073709551615U,
                                "",
                                "serial",
                                "ok",
                                json::array(),
                                json::object()};
  return values[random() % std::size(values)];
}

void remove_one(json& from, std::minstd_rand& random) {
  if (from.empty()) return;
  auto at = from.begin();
  std::advance(at, random() % from.size());
  from.erase(at);
}

void change(json& document, std::minstd_rand& random) {
  std::vector<json*> all;
  collect(document, all);
  json& one = *all[random() % all.size()];
  const json other = *all[random() % all.size()];
  switch (random() % 5) {
    case 0:
      one = unlikely(random);
      break;
    case 1:
      if (one.is_number()) one = one.get<double>() * std::array{-1., 0.5, 1.001, 1e3, 1e-9}[random() % 5];
      break;
    case 2:
      if (one.is_structured()) remove_one(one, random);
      break;
    case 3:
      if (one.is_array() && !one.empty()) one.push_back(json(one[random() % one.size()]));
      break;
    default:
      one = other;
  }
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  std::minstd_rand random(seed);
  json document = size > 1 ? json::parse(data + 1, data + size, nullptr, false) : json(json::value_t::discarded);
  if (document.is_discarded() || random() % 16 == 0) return LLVMFuzzerMutate(data, size, max_size);
  for (auto times = 1 + random() % 3; times > 0; --times) change(document, random);
  const std::string text = document.dump(-1, ' ', false, json::error_handler_t::replace);
  if (text.size() + 1 > max_size) return LLVMFuzzerMutate(data, size, max_size);
  if (random() % 4 == 0) data[0] = static_cast<std::uint8_t>(random());
  std::ranges::copy(text, data + 1);
  return text.size() + 1;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const int errors = dup(STDERR_FILENO);  // where reports go, whatever stderr is when something is found
  __sanitizer_set_report_fd(reinterpret_cast<void*>(static_cast<std::intptr_t>(errors)));
  input in(data, size);
  const cli::report_options report = options_of(in.number<std::uint8_t>());
  const auto rest = in.rest();
  const auto shown = explained({reinterpret_cast<const char*>(rest.data()), rest.size()}, report);
  if (!shown || report.format != cli::output_format::json) return 0;
  require(explained(*shown, report) == shown, "a record that was explained is explained the same way");
  return 0;
}
