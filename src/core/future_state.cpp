// SPDX-License-Identifier: Apache-2.0
#include "fanout/detail/future_state.hpp"

#include <unistd.h>

#include <cxxabi.h>

#include <string>

#include "core/type_names.hpp"
#include "fanout/errors.hpp"

namespace fanout::detail {
namespace {

std::string described(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    return type_name(typeid(e)) + ": " + e.what();
  } catch (...) {
    const std::type_info* const type = abi::__cxa_current_exception_type();
    return type != nullptr ? type_name(*type) : "an exception of another language";
  }
}

}  // namespace

bool is_cancelled(const std::exception_ptr& error) noexcept {
  try {
    std::rethrow_exception(error);
  } catch (const cancelled&) {
    return true;
  } catch (...) {
    return false;
  }
}

void report_unseen(const std::exception_ptr& error) noexcept {
  try {
    if (is_cancelled(error)) return;
    const std::string line = "fanout: a task failed, and nobody looked at its future: " + described(error) + '\n';
    // In one piece, so that lines of several threads do not mix. If stderr is gone, so is whoever could read it.
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
  } catch (...) {  // no memory for the line
  }
}

}  // namespace fanout::detail
