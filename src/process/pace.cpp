// SPDX-License-Identifier: Apache-2.0
#include "pace.hpp"

#include <algorithm>

namespace fanout::detail {

namespace {

constexpr std::size_t chunks_per_worker = 4;        // of what is left
constexpr std::size_t long_chunks_per_worker = 16;  // likewise, for long ones

}  // namespace

std::size_t pace_table::hash::operator()(const call_target& t) const noexcept {
  return (t.thunk.offset ^ (t.function.offset << 20)) * 0x9e3779b97f4a7c15U + t.thunk.module;
}
bool pace_table::same::operator()(const call_target& a, const call_target& b) const noexcept {
  return a.thunk.offset == b.thunk.offset && a.function.offset == b.function.offset &&
         a.thunk.module == b.thunk.module && a.function.module == b.function.module;
}

duration pace_table::of(const call_target& target) const noexcept {
  const auto found = items_.find(target);
  return found != items_.end() ? found->second : duration::zero();
}

void pace_table::note(const call_target& target, duration item) {
  auto& known = items_[target];
  known = known == duration::zero() ? item : (known + item) / 2;
}

std::size_t own_chunk(duration item, std::size_t share) noexcept {
  const auto items_in = [item](duration time) {
    return item > duration::zero() ? static_cast<std::size_t>(time / item) : 1;
  };
  const std::size_t long_chunk = std::min(items_in(work_per_long_chunk), share / long_chunks_per_worker);
  return std::max<std::size_t>(1, std::min(std::max(items_in(work_per_chunk), long_chunk), share / chunks_per_worker));
}

}  // namespace fanout::detail
