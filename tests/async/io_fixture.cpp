// SPDX-License-Identifier: Apache-2.0
#include "io_fixture.hpp"

#include <dirent.h>

namespace fanout_test {

int open_descriptors() {
  int count = 0;
  DIR* const folder = ::opendir("/proc/self/fd");
  while (::readdir(folder) != nullptr) ++count;
  ::closedir(folder);
  return count;
}

task<std::pair<tcp::socket, tcp::socket>> connected() {
  auto& context = co_await fanout::this_task::get_io_context();
  tcp::acceptor acceptor(context, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  tcp::socket client(context);
  const auto to = acceptor.local_endpoint();
  auto [server, nothing] = co_await fanout::gather(acceptor.async_accept(use_task), client.async_connect(to, use_task));
  co_return std::pair(std::move(client), std::move(server));
}

}  // namespace fanout_test
