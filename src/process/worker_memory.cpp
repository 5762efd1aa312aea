// SPDX-License-Identifier: Apache-2.0
#include "worker_memory.hpp"

namespace fanout::detail {

namespace {

std::size_t page_bytes() noexcept { return whole_pages(sizeof(worker_page)); }

}  // namespace

descriptor worker_memory::make() { return make_shared_memory("fanout-worker", page_bytes() + 2 * ring_bytes); }

worker_memory::worker_memory(const descriptor& memory) {
  mapping_plan plan(page_bytes() + 4 * ring_bytes);
  plan.map(memory, 0, page_bytes(), true);
  for (const std::size_t ring : {std::size_t{0}, ring_bytes}) {
    plan.map(memory, page_bytes() + ring, ring_bytes, true);
    plan.map(memory, page_bytes() + ring, ring_bytes, true);
  }
  area_ = plan.done();
}

ring_view worker_memory::to_worker() const noexcept {
  return {&page().to_worker, area_.data() + page_bytes(), ring_bytes};
}

ring_view worker_memory::to_program() const noexcept {
  return {&page().to_program, area_.data() + page_bytes() + 2 * ring_bytes, ring_bytes};
}

}  // namespace fanout::detail
