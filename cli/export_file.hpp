// SPDX-License-Identifier: Apache-2.0
// The file that a record is exported to.
#pragma once

#include <string>
#include <string_view>

#include "lab/file_descriptor.hpp"

namespace cli {

/// Made before anything is measured: that it cannot be written is known then, not an hour later. It takes its name when
/// it is complete, so nobody ever reads a half of it; until then it is PATH.part, which goes if nothing is written.
/// What is no regular file, such as /dev/stderr or a pipe, is written in place.
class export_file {
 public:
  /// Throws lab::usage_error.
  explicit export_file(const std::string& path);
  export_file(const export_file&) = delete;
  export_file& operator=(const export_file&) = delete;
  ~export_file();

  /// All of it, once. Throws std::system_error, and lab::interrupted.
  void write(std::string_view text);

  /// As it was given.
  const std::string& path() const { return given_; }

 private:
  std::string given_, path_, part_;  // part_: empty if there is none, or none any more
  lab::file_descriptor file_;
};

}  // namespace cli
