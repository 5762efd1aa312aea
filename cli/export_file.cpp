// SPDX-License-Identifier: Apache-2.0
// Write beside it, then rename.
#include "cli/export_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "lab/interruption.hpp"
#include "lab/workload.hpp"
#include "lab/writing.hpp"

namespace cli {

namespace fs = std::filesystem;

namespace {

/// The file itself, if that is a link to it.
std::string behind_links(const std::string& path) {
  std::error_code error;
  const fs::path target = fs::canonical(path, error);
  return error ? path : target.string();
}

}  // namespace

export_file::export_file(const std::string& path) : given_(path), path_(behind_links(path)) {
  std::error_code error;
  const fs::file_status status = fs::status(path_, error);
  if (fs::is_directory(status)) throw lab::usage_error(fmt::format("cannot write {}: it is a directory", path));
  const bool in_place = fs::exists(status) && !fs::is_regular_file(status);
  if (!in_place) part_ = path_ + ".part";
  const int descriptor = open((in_place ? path_ : part_).c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor < 0) {
    part_.clear();
    throw lab::usage_error(fmt::format("cannot write {}: {}", path, std::generic_category().message(errno)));
  }
  file_ = lab::file_descriptor(descriptor);
}

export_file::~export_file() {
  if (!part_.empty()) unlink(part_.c_str());
}

void export_file::write(std::string_view text) {
  int error = lab::write_all(file_.get(), text);
  if (error == EINTR) lab::interruption::check();
  if (error == 0 && !part_.empty() && rename(part_.c_str(), path_.c_str()) != 0) error = errno;
  if (error != 0) throw std::system_error(error, std::generic_category(), "cannot write " + path_);
  part_.clear();
}

}  // namespace cli
