// SPDX-License-Identifier: Apache-2.0
// Types as people write them.
#pragma once

#include <string>
#include <typeinfo>

namespace fanout::detail {

std::string type_name(const std::type_info& type);

}  // namespace fanout::detail
