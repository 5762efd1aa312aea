// SPDX-License-Identifier: Apache-2.0
// What a library throws that the tests load while they run. Only the library registers it.
#pragma once

#include <stdexcept>

namespace fanout_test {

struct plugin_error : std::runtime_error {
  using std::runtime_error::runtime_error;
  int line = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(line);
  }
};

}  // namespace fanout_test
