// SPDX-License-Identifier: Apache-2.0
#include "fanout/detail/asio_operation.hpp"

#include <boost/asio/post.hpp>
#include <new>
#include <string>
#include <typeinfo>

namespace fanout::detail {

event_loop& loop_of(const environment& env, const char* what) {
  scheduler& where = scheduler_of(env, what);
  if (typeid(where) != typeid(event_loop)) {
    throw error(std::string(what) +
                ": this coroutine does not run on an event_loop, which does the I/O: start it with fanout::run, "
                "event_loop::run, or spawn it from there");
  }
  return static_cast<event_loop&>(where);
}

void asio_operation_base::cancel_in_context() noexcept {
  struct cancels {
    using allocator_type = operation_allocator<>;
    allocator_type get_allocator() const noexcept { return {}; }
    void operator()() const noexcept { operation.cancel(); }
    asio_operation_base& operation;
  };
  try {
    boost::asio::post(*context_, cancels{*this});
  } catch (const std::bad_alloc&) {
    cancel();  // with few operations it makes a difference
  }
}

void throw_other_context() {
  throw error(
      "use_task: the object of this operation was made with another io_context, which this loop does not run: make it "
      "with event_loop::context(), or with co_await fanout::this_task::get_io_context()");
}

void throw_abandoned() {
  throw error("use_task: Asio dropped the operation without completing it: was its context destroyed?");
}

}  // namespace fanout::detail
