// SPDX-License-Identifier: Apache-2.0
// Its errors told apart.
#include "cli/output.hpp"

#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "lab/interruption.hpp"
#include "lab/writing.hpp"

namespace cli {

void write_out(std::string_view text) {
  const int error = lab::write_all(STDOUT_FILENO, text);
  if (error == 0) return;
  if (error == EINTR) lab::interruption::check();
  if (error == EPIPE) throw output_closed{};
  throw std::system_error(error, std::generic_category(), "cannot write the results");
}

}  // namespace cli
