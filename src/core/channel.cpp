// SPDX-License-Identifier: Apache-2.0
#include "fanout/channel.hpp"

namespace fanout::detail {

void throw_channel_closed() { throw channel_closed("send: the channel was closed before it accepted the value"); }

}  // namespace fanout::detail
