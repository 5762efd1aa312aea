// SPDX-License-Identifier: Apache-2.0
// What a worker leaves behind when it crashes: written by its handlers into memory that the program sees too.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace fanout::detail {

/// Code as symbol tables know it: `offset` counts from the load bias of a module of the record. In no module (generated
/// code, a null function), the address itself.
struct crash_frame {
  static constexpr std::uint32_t no_module = static_cast<std::uint32_t>(-1);
  std::uint32_t module = no_module;
  std::uint32_t reserved = 0;
  std::uint64_t offset = 0;
};

/// Plain data. Whoever reads it must not trust it: the task that crashed could have written to it.
struct crash_facts {
  static constexpr std::size_t most_frames = 32;
  static constexpr std::size_t most_modules = 8;
  static constexpr std::size_t longest_path = 512;
  static constexpr std::size_t longest_text = 512;

  std::int32_t signal = 0;
  std::int32_t code = 0;    ///< si_code
  std::int32_t thread = 0;  ///< its tid
  std::int32_t sender = 0;  ///< the other process that sent the signal, or 0
  std::uint64_t address = 0;
  std::uint32_t has_address = 0;     ///< 1: `address` is where the fault was
  std::uint32_t stack_overflow = 0;  ///< 1: so it seems
  std::uint32_t frame_count = 0;
  std::uint32_t module_count = 0;
  crash_frame frames[most_frames] = {};           ///< the instruction that failed, then return addresses
  char modules[most_modules][longest_path] = {};  ///< each ended by NUL; of a path too long "..." and its end
  char text[longest_text] = {};                   ///< of std::terminate: the exception's type and what(); ended by NUL
};
static_assert(std::is_trivially_copyable_v<crash_facts>);

/// Each entered by the thread that crashed first:
///
///          first crash               facts, frames[0]             all frames
///   none ─────────────▶ being_written ──────────────▶ outlined ──────────────▶ whole
///
/// It stays outlined if finding the frames crashes too, as it may when the stack is what was damaged. Then, and when it
/// is whole, the process ends by the signal.
enum class crash_state : std::uint32_t { none, being_written, outlined, whole };

/// All zero: no crash. A state is stored with release order after what it stands for; the program loads it with acquire
/// order in describe_crash(). What is outlined may be read when the process has ended.
struct crash_record {
  std::atomic<crash_state> state = crash_state::none;
  crash_facts facts;
};
static_assert(std::atomic<crash_state>::is_always_lock_free);

/// In a worker, once, before its first task, by the thread that will run the tasks. From now on a crash is recorded in
/// `where`, then ends the process by its signal, as it would have without. Signals that are handled or ignored already
/// (by a sanitizer, an interpreter) stay so. That thread gets a signal stack of its own, never freed, so that its stack
/// may overflow. std::terminate goes on to the handler there was.
void install_crash_handlers(crash_record& where);

}  // namespace fanout::detail
