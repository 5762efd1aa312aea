// SPDX-License-Identifier: Apache-2.0
// How a map whose consumer drives it reaches its pool, which may be gone by then.
#pragma once

#include <memory>
#include <mutex>

#include "fanout/executor.hpp"

namespace fanout::detail {

/// Shared by a pool and such maps.
class pool_link {
 public:
  explicit pool_link(scheduler& pool) noexcept : pool_(&pool) {}

  /// False: the pool is gone, or closing.
  bool post(op& work) noexcept {
    const std::lock_guard lock(mutex_);
    if (pool_ == nullptr) return false;
    pool_->post(work);
    return true;
  }
  /// No post() goes there after this.
  void close() noexcept {
    const std::lock_guard lock(mutex_);
    pool_ = nullptr;
  }

 private:
  std::mutex mutex_;
  scheduler* pool_;
};

/// The pool's end of it.
class pool_link_owner {
 public:
  explicit pool_link_owner(scheduler& pool) : link_(std::make_shared<pool_link>(pool)) {}
  pool_link_owner(const pool_link_owner&) = delete;
  pool_link_owner& operator=(const pool_link_owner&) = delete;
  ~pool_link_owner() { close(); }

  const std::shared_ptr<pool_link>& link() const noexcept { return link_; }
  void close() noexcept { link_->close(); }

 private:
  const std::shared_ptr<pool_link> link_;
};

}  // namespace fanout::detail
