// SPDX-License-Identifier: Apache-2.0
#include "namesake.hpp"

#include <stdexcept>

#include "fanout/registered_exception.hpp"
#include "thrown.hpp"

namespace {

struct namesake : std::runtime_error {  // unlike that of exception_codec_test.cpp
  using std::runtime_error::runtime_error;
};

}  // namespace

namespace fanout_test {

void throw_other_namesake(bool with_cause) {
  if (with_cause) throw_caused_by(namesake("other"), [] { throw 42; });
  throw namesake("other");
}

std::shared_ptr<void> register_other_namesake() { return std::make_shared<fanout::registered_exception<namesake>>(); }

}  // namespace fanout_test
