// SPDX-License-Identifier: Apache-2.0
// write() with its errors told apart.
#include "cli/output.hpp"

#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "lab/interruption.hpp"

namespace cli {

void write_out(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(STDOUT_FILENO, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
      continue;
    }
    lab::interruption::check();
    if (errno == EPIPE) throw output_closed{};
    if (errno != EINTR) throw std::system_error(errno, std::generic_category(), "cannot write the results");
  }
}

}  // namespace cli
