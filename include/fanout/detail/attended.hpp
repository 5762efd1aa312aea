// SPDX-License-Identifier: Apache-2.0
// What a loop can do for others while it sleeps.
#pragma once

namespace fanout::detail {

/// Something outside that somebody must see to, and a descriptor that tells of it. A loop that sleeps anyway does that
/// itself, where a thread in between would have to wake the loop afterwards. Used by the loop's thread, which holds it
/// until it is told to forget it, may_sleep() says no, or the run ends.
class attended {
 public:
  virtual ~attended() = default;

  /// Readable when there is something to do. Open as long as this object lives.
  virtual int fd() const noexcept = 0;
  /// The loop is about to sleep. False: it is not needed here any more.
  virtual bool may_sleep() noexcept = 0;
  /// The loop woke up, or did not sleep after all. `readable`: does what there is to do.
  virtual void woke(bool readable) noexcept = 0;
  /// The run ends: from now on somebody else has to.
  virtual void left() noexcept = 0;
};

}  // namespace fanout::detail
