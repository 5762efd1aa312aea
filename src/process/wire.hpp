// SPDX-License-Identifier: Apache-2.0
// What goes between a program, its nanny and its workers.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "fanout/detail/remote_work.hpp"

namespace fanout::detail {

/// Changes whenever anything in this file, in worker_memory.hpp, in the archives or in the exception codec does.
inline constexpr std::uint32_t protocol_version = 5;

/// The variable that tells a process that it is a worker or a nanny: "worker:FD" or "nanny:FD".
inline constexpr char role_variable[] = "FANOUT_WORKER";

// Program → worker, once, over the worker's socket: a welcome, and with it the descriptors of welcome_fd. After that
// slab and block notices, both ways, each with descriptors; and the socket shows to each side that the other is gone.

enum class welcome_fd : std::size_t { worker_memory, program_page, leader_bell, doorbell, count };

struct welcome {
  std::uint32_t version = protocol_version;
  std::uint32_t depth = 0;  ///< of pools within pools: 1 for the workers of a program that is none
};

// Program ⇄ worker, through the rings: frames, each an envelope and `length` bytes. The envelope is all that the
// bookkeeping needs, so that no payload, whatever is wrong with it, hides which item it belongs to.
//
//   worker → program   hello                              once, when it is there
//   program → worker   module …, initialize               if there is an initializer
//   worker → program   value or error
//   program → worker   module …, run                      a run of one or more items; others may follow at once
//   worker → program   value or error, item by item       in order; `recalled` in place of what was taken back;
//                                                         `returned`: none of the run, the slab cannot be mapped
//   program → worker   leave                              it has answered everything, and ends

enum class frame_kind : std::uint16_t {
  hello = 0x4601,
  module,
  initialize,
  run,
  leave,
  value,
  error,
  recalled,
  returned,
  // The same, but the body ends with a slab_part: there the rest of it lies.
  run_in_slab,
  value_in_slab,
  error_in_slab
};

struct frame_header {
  std::uint64_t run = 0;   // which run this is about; 0: the initializer
  std::uint64_t item = 0;  // which of its items; of a module frame: the module's index
  frame_kind kind{};
  std::uint16_t blocks = 0;  // of shared memory that the body names: their descriptors came before, over the socket
  std::uint32_t took = 0;    // with the answer to a run's last item: how long it all took, in units of 64 ns
  std::uint64_t length = 0;
};

inline constexpr std::int64_t ns_per_unit_of_time = 64;

/// What most answers have in place of a header: a word with this bit, and the length below it. It is the value of the
/// next item of the run whose answers are due. A number of a run has not this bit.
inline constexpr std::uint64_t short_frame = std::uint64_t{1} << 63;
inline constexpr std::size_t longest_short_body = 256;

struct hello_body {
  std::uint32_t version = protocol_version;
  std::int32_t pid = 0;
};

/// Followed by the items, each its length as std::uint64_t and its bytes. A module frame holds the build-id as a
/// length and bytes, then the path. An initialize frame is a run_body alone, of a plain function.
struct run_body {
  code_location thunk;
  code_location function;
  std::uint32_t takes_token = 0;
  std::uint32_t is_timed = 0;  // it says when it begins each item
  std::uint64_t items = 0;
};

/// Where large values lie that are read there. A slab that the receiver has not mapped yet is the subject of a notice
/// first, over the socket, with its descriptor.
struct slab_part {
  std::uint64_t slab = 0;  // the sender's number for it
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  std::uint64_t is_kept = 0;  // the receiver leaves it mapped, see slab_exchange.hpp
};

struct slab_notice {
  std::uint64_t slab = 0;
};

/// Before a frame that names blocks of shared memory, over the socket: their numbers, and their descriptors; as many
/// such as it takes, and before the slab's, if there is one.
inline constexpr std::size_t blocks_per_notice = 32;
struct block_notice {
  std::uint32_t count = 0;
  std::uint32_t reserved = 0;
  std::array<std::uint64_t, blocks_per_notice> numbers{};
};

// Program ⇄ nanny: datagrams that keep their boundaries (SOCK_SEQPACKET).

enum class nanny_verb : std::uint32_t { fork = 0x464e0001, exec, kill };

/// fork and exec carry the worker's end of its socket, and are followed by the words of the command to execute, each
/// ended by NUL; none: the nanny's own program. fork is done by exec if the nanny's program has threads.
struct nanny_request {
  nanny_verb verb{};
  std::uint32_t words = 0;
  std::uint64_t worker = 0;
};

/// Bytes of a request, a command's words among them: more are refused when a pool is made, since a datagram ends at the
/// size of its socket's buffer, 208 KiB by default.
inline constexpr std::size_t largest_nanny_request = std::size_t{64} << 10;

enum class nanny_news : std::uint32_t { ready = 0x464f0001, started, not_started, ended };

struct nanny_report {
  nanny_news news{};
  std::int32_t pid = 0;
  std::uint64_t worker = 0;
  std::int32_t status = 0;  // ended: as from waitpid(); not_started: errno; ready: the protocol's version
  std::uint32_t reserved = 0;
};

}  // namespace fanout::detail
