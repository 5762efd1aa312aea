// SPDX-License-Identifier: Apache-2.0
// A long queue of ops, of which several are taken at a time.
#pragma once

#include <cstddef>
#include <deque>
#include <new>
#include <utility>

#include "fanout/executor.hpp"

namespace fanout::detail {

/// So many ops, linked; the last one's link means nothing.
struct op_chain {
  op* first = nullptr;
  std::size_t count = 0;
};

/// First in, first out, under a lock. It is cut into bundles of so many ops beforehand, by who puts them in: to cut
/// some off means to go through them, and they are in the caches of the other. Who takes a bundle does so without the
/// lock.
template <std::size_t bundle_size>
class op_bundles {
 public:
  bool empty() const noexcept { return newest_.count == 0 && sealed_.empty(); }

  void push(op& work) noexcept { push_all(work, work, 1); }
  /// Linked from `first` to `last` already.
  void push_all(op& first, op& last, std::size_t count) noexcept {
    if (newest_.count >= bundle_size) seal();
    if (newest_.count == 0) {
      newest_.first = &first;
    } else {
      last_->next = &first;
    }
    last_ = &last;
    newest_.count += count;
  }

  /// The oldest, `most` at most; a bundle of the full size in no time.
  op_chain take(std::size_t most) noexcept {
    if (sealed_.empty()) return take_from(newest_, most);
    const op_chain taken = take_from(sealed_.front(), most);
    if (sealed_.front().count == 0) sealed_.pop_front();
    return taken;
  }

 private:
  void seal() noexcept {
    try {
      sealed_.push_back(newest_);
      newest_ = {};
    } catch (const std::bad_alloc&) {  // then it becomes longer
    }
  }

  static op_chain take_from(op_chain& bundle, std::size_t most) noexcept {
    if (bundle.count <= most) return std::exchange(bundle, {});
    const op_chain taken{bundle.first, most};
    for (std::size_t i = 0; i < most; ++i) bundle.first = bundle.first->next;
    bundle.count -= most;
    return taken;
  }

  std::deque<op_chain> sealed_;
  op_chain newest_;
  op* last_ = nullptr;  // of the newest, if that has any
};

}  // namespace fanout::detail
