// SPDX-License-Identifier: Apache-2.0
// A shared_array to a worker, which looks at both ends of it and answers. Beside two processes of which one gets a
// memfd's descriptor over a socket, maps it, looks at the same, and unmaps it; and, as far as that is small enough,
// beside two that copy the bytes into memory that they share, and out of it.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <vector>

#include "contest.hpp"
#include "fanout/fanout.hpp"
#include "raw_processes.hpp"

namespace {

using bytes = fanout::shared_array<unsigned char>;

unsigned both_ends(const bytes& data) { return data[0] * 256U + data[data.size() - 1]; }

constexpr std::size_t largest_copied = std::size_t{1} << 24;

/// A socket over which descriptors are sent, a byte with each.
class descriptor_socket {
 public:
  descriptor_socket() {
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_) != 0)
      throw std::system_error(errno, std::generic_category(), "socketpair");
  }
  descriptor_socket(const descriptor_socket&) = delete;
  descriptor_socket& operator=(const descriptor_socket&) = delete;
  ~descriptor_socket() {
    for (const int end : ends_) ::close(end);
  }

  void send(int file) const {
    message m;
    cmsghdr* const header = CMSG_FIRSTHDR(&m.header);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof file);
    std::memcpy(CMSG_DATA(header), &file, sizeof file);
    if (::sendmsg(ends_[0], &m.header, 0) != 1) throw std::system_error(errno, std::generic_category(), "sendmsg");
  }
  int receive() const {
    message m;
    int file = -1;
    if (::recvmsg(ends_[1], &m.header, MSG_CMSG_CLOEXEC) == 1)
      std::memcpy(&file, CMSG_DATA(CMSG_FIRSTHDR(&m.header)), sizeof file);
    return file;
  }

 private:
  struct message {
    message() {
      header.msg_iov = &part;
      header.msg_iovlen = 1;
      header.msg_control = control;
      header.msg_controllen = CMSG_LEN(sizeof(int));
    }
    char byte = 0;
    iovec part{&byte, 1};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr header{};
  };

  int ends_[2];
};

/// A memfd of that size, full, and mapped for writing.
class filled_file {
 public:
  explicit filled_file(std::size_t size) : size_(size), file_(::memfd_create("raw", MFD_CLOEXEC)) {
    if (::ftruncate(file_, static_cast<off_t>(size)) != 0)
      throw std::system_error(errno, std::generic_category(), "ftruncate");
    data_ = static_cast<unsigned char*>(::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file_, 0));
    std::memset(data_, 1, size);
  }
  filled_file(const filled_file&) = delete;
  filled_file& operator=(const filled_file&) = delete;
  ~filled_file() {
    ::munmap(data_, size_);
    ::close(file_);
  }

  int file() const noexcept { return file_; }
  unsigned char* data() const noexcept { return data_; }

 private:
  const std::size_t size_;
  const int file_;
  unsigned char* data_;
};

void hand_over(benchmark::State& state) {
  const auto size = static_cast<std::size_t>(state.range(0));
  bytes data(size);
  std::memset(data.data(), 1, size);
  const filled_file file(size);
  const auto prepare = [&] {
    ++data[size - 1];
    ++file.data()[size - 1];
  };
  const auto right = [&](unsigned seen) { return seen == 256U + data[size - 1]; };

  const raw::shared_memory answer(sizeof(unsigned)), copied(size <= largest_copied ? size : 1);
  auto* const seen = static_cast<unsigned*>(answer.data());
  const descriptor_socket socket;
  raw::process mapper([&] {
    const int got = socket.receive();
    const auto* const there = static_cast<unsigned char*>(::mmap(nullptr, size, PROT_READ, MAP_SHARED, got, 0));
    *seen = there[0] * 256U + there[size - 1];
    ::munmap(const_cast<unsigned char*>(there), size);
    ::close(got);
  });
  std::vector<unsigned char> theirs(size <= largest_copied ? size : 1);
  raw::process copier([&] {
    std::memcpy(theirs.data(), copied.data(), theirs.size());
    *seen = theirs.front() * 256U + theirs.back();
  });
  fanout::process_pool pool(workers);

  std::vector<contestant> all = {
      measured("raw", prepare,
               [&] {
                 socket.send(file.file());
                 mapper.tell();
                 mapper.wait();
                 return right(*seen);
               }),
      measured("fanout", prepare, [&] { return right(pool.submit(both_ends, data).get()); })};
  if (size <= largest_copied)
    all.push_back(measured("copied", prepare, [&] {
      std::memcpy(copied.data(), std::as_const(data).data(), size);
      copier.tell();
      copier.wait();
      return right(*seen);
    }));
  contest c(state, std::move(all));
  c.round({.unmeasured = 21, .trips = 21});
  for (auto _ : state) c.round({.unmeasured = 1, .trips = 21});
  c.report();
  state.counters["us_more_than_raw"] = state.counters["fanout_p50_us"] - state.counters["raw_p50_us"];
}

// The time of an iteration says nothing, the counters do.
BENCHMARK(hand_over)
    ->RangeMultiplier(32)
    ->Range(1 << 10, 1 << 30)
    ->Iterations(30)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
