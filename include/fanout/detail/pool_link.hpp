// SPDX-License-Identifier: Apache-2.0
// How a map whose consumer drives it reaches its pool, which may be gone by then.
#pragma once

#include <memory>
#include <mutex>

#include "fanout/detail/this_thread.hpp"
#include "fanout/executor.hpp"

namespace fanout::detail {

/// Shared by a pool and such maps.
class pool_link {
 public:
  explicit pool_link(scheduler& pool) noexcept : pool_(&pool) {}

  /// False: the pool is gone; or it is closing, and this is none of its threads.
  bool fork(op& work) noexcept {
    const std::lock_guard lock(mutex_);
    if (pool_ == nullptr || (is_closing_ && context_of(pool_) == nullptr)) return false;
    pool_->fork(work);
    return true;
  }
  /// From now on only the pool's own threads get there: it runs what it was given to the end.
  void begin_to_close() noexcept {
    const std::lock_guard lock(mutex_);
    is_closing_ = true;
  }
  /// No fork() goes there after this.
  void close() noexcept {
    const std::lock_guard lock(mutex_);
    pool_ = nullptr;
  }

 private:
  std::mutex mutex_;
  scheduler* pool_;
  bool is_closing_ = false;
};

/// The pool's end of it.
class pool_link_owner {
 public:
  explicit pool_link_owner(scheduler& pool) : link_(std::make_shared<pool_link>(pool)) {}
  pool_link_owner(const pool_link_owner&) = delete;
  pool_link_owner& operator=(const pool_link_owner&) = delete;
  ~pool_link_owner() { link_->close(); }

  const std::shared_ptr<pool_link>& link() const noexcept { return link_; }
  void begin_to_close() noexcept { link_->begin_to_close(); }

 private:
  const std::shared_ptr<pool_link> link_;
};

}  // namespace fanout::detail
