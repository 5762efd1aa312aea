// SPDX-License-Identifier: Apache-2.0
#include "lab/host_record.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <string>
#include <string_view>
#include <system_error>

namespace lab {

void write_host_record(const nlohmann::json& record) {
  int descriptor = STDOUT_FILENO;
  if (const char* given = std::getenv("FANOUT_RECORD_FD"); given != nullptr)
    std::from_chars(given, given + std::string_view(given).size(), descriptor);
  const std::string text = record.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
  for (std::string_view rest = text; !rest.empty();) {
    const ssize_t written = write(descriptor, rest.data(), rest.size());
    if (written < 0 && errno != EINTR)
      throw std::system_error(errno, std::generic_category(), "cannot write the record");
    rest.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(written, 0)));
  }
}

bool is_asked_for_trace() {
  const bool asked = std::getenv("FANOUT_TRACE") != nullptr;
  unsetenv("FANOUT_TRACE");
  return asked;
}

}  // namespace lab
