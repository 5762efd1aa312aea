// SPDX-License-Identifier: Apache-2.0
// For what runs of the user's before this process is a nanny or a worker, and sees to its end itself.
#pragma once

namespace fanout_python {

/// While it lives this process ends as soon as the one that has started it does. Looks for that once a second, by
/// SIGRTMAX. One at a time.
class ends_with_parent {
 public:
  ends_with_parent() noexcept;
  ends_with_parent(const ends_with_parent&) = delete;
  ends_with_parent& operator=(const ends_with_parent&) = delete;
  ~ends_with_parent();

 private:
  void* timer_ = nullptr;
  bool is_set_ = false;
};

}  // namespace fanout_python
