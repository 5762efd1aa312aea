// SPDX-License-Identifier: Apache-2.0
// A thread for a range: its code is the user's and may block, which neither map() nor the supervisor may.
#pragma once

namespace fanout::detail {

/// A map that pulls its inputs in a thread of its own.
class puller {
 public:
  /// In that thread: until nothing more is to be pulled.
  virtual void pull_all() noexcept = 0;
  /// In another thread, meanwhile, and perhaps again: the pool is about to close. From now on it pulls no more than it
  /// can without anybody taking results.
  virtual void pool_closes() noexcept = 0;
  /// When pull_all() has returned: the pool will not come to it any more.
  virtual void thread_ends() noexcept = 0;

 protected:
  ~puller() = default;
};

/// The threads of one pool.
class pull_threads;

/// Throws std::system_error; pool_closed if the pool was shut down. Any thread.
void start_thread(pull_threads& threads, puller& p);

}  // namespace fanout::detail
