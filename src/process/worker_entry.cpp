// SPDX-License-Identifier: Apache-2.0
// The worker entry: before main, but after all static constructors.
//
// crt1.o's _start calls __libc_start_main. As this archive comes before libc in every link, the one below is taken, and
// calls libc's with a main of ours in place of the user's. Nothing has to be said in the user's program or build.
#include "worker_entry.hpp"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string_view>

#include "descriptor.hpp"
#include "fanout/errors.hpp"
#include "fanout/process_pool.hpp"
#include "nanny.hpp"
#include "wire.hpp"
#include "worker_main.hpp"

namespace fanout::detail {

namespace {

enum class role { program, worker, nanny };

struct start {
  role as = role::program;
  int fd = -1;
};

// Each is set once, before pools are made; nothing else is published by them.
std::atomic<bool> hook_ran = false;
std::atomic<bool> init_called = false;
std::atomic<bool> is_worker = false;

/// A unix socket whose other end this very user made?
bool is_trusted_socket(int fd) {
  ucred peer{};
  socklen_t size = sizeof peer;
  int domain = 0;
  socklen_t domain_size = sizeof domain;
  return ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &domain_size) == 0 && domain == AF_UNIX &&
         ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == ::geteuid();
}

start parse(std::string_view text) {
  start s;
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) return s;
  const std::string_view name = text.substr(0, colon), number = text.substr(colon + 1);
  const role as = name == "worker" ? role::worker : name == "nanny" ? role::nanny : role::program;
  int fd = -1;
  if (std::from_chars(number.data(), number.data() + number.size(), fd).ec != std::errc()) return s;
  if (as == role::program || fd < 0 || !is_trusted_socket(fd)) return s;
  return {as, fd};
}

/// What this process was started as. The variable is taken away at once, so that programs which it starts are free.
const start& started_as() noexcept {
  static const start s = [] {
    const char* const text = ::getauxval(AT_SECURE) == 0 ? ::getenv(role_variable) : nullptr;
    if (text == nullptr) return start{};
    const start found = parse(text);
    ::unsetenv(role_variable);
    if (found.fd >= 0) ::fcntl(found.fd, F_SETFD, FD_CLOEXEC);
    is_worker.store(found.as == role::worker, std::memory_order_relaxed);
    return found;
  }();
  return s;
}

/// Returns if this is an ordinary process.
void enter() {
  const start& s = started_as();
  if (s.as == role::program) return;
  descriptor socket(s.fd);
  if (s.as == role::nanny) {
    become_worker_process();
    run_nanny(std::move(socket));
  }
  end_with_parent(::getppid());  // the nanny saw to its own end before it started this; a script between is another
  dress_as_worker();
  serve(std::move(socket), leave_by::exit);
}

char* own_name = nullptr;  // what `ps` shows; set before anything is forked from here

using main_fn = int (*)(int, char**, char**);
main_fn user_main = nullptr;

// As libc does, whatever parameters the user's main takes: the sanitizer of function types must not mind.
[[clang::no_sanitize("function")]] int main_or_worker(int argc, char** argv, char** environment) {
  hook_ran.store(true, std::memory_order_relaxed);
  own_name = argc > 0 ? argv[0] : nullptr;
  enter();
  return user_main(argc, argv, environment);
}

/// Started anew, would this program get to the worker entry?
bool gets_to_entry() noexcept {
  return hook_ran.load(std::memory_order_relaxed) || init_called.load(std::memory_order_relaxed);
}

/// The directory of the executable or shared object that this library is linked into.
std::filesystem::path own_directory() {
  Dl_info info{};
  if (::dladdr(reinterpret_cast<const void*>(&own_directory), &info) == 0 || info.dli_fname == nullptr) return {};
  std::error_code failed;
  const auto module = std::filesystem::canonical(info.dli_fname, failed);
  return failed ? std::filesystem::path() : module.parent_path();
}

}  // namespace

void rename_forked_worker() noexcept {
  if (own_name != nullptr && std::string_view(own_name) == nanny_name)
    std::memcpy(own_name, worker_name, sizeof worker_name);
}

void become_worker_process() noexcept { is_worker.store(true, std::memory_order_relaxed); }

void check_may_have_pools() {
  if (started_as().as != role::program && !gets_to_entry())
    throw error(
        "this process was started as a worker of a fanout::process_pool, but made a pool of its own before it called "
        "fanout::init(): call fanout::init(argc, argv) first");
}

nanny_program own_nanny() {
  if (gets_to_entry()) return {.file = "/proc/self/exe", .argv = {nanny_name}};
  throw error(
      "this program cannot be a worker of fanout::process_pool: the automatic worker entry is not linked into it. Call "
      "fanout::init(argc, argv) first in main(), or set process_pool_options::worker_command to a program that does");
}

nanny_program nanny_for_others() {
  if (hook_ran.load(std::memory_order_relaxed)) return own_nanny();
  const auto beside = own_directory() / "fanout-worker";
  if (::access(beside.c_str(), X_OK) == 0) return {.file = beside.string(), .argv = {nanny_name}};
  if (gets_to_entry()) return own_nanny();
  throw error("fanout::process_pool needs the program fanout-worker, which should be " + beside.string() +
              " but cannot be run there: install it beside the library");
}

}  // namespace fanout::detail

namespace fanout {

void init(int, char**) {
  detail::init_called.store(true, std::memory_order_relaxed);
  detail::enter();
}

bool is_worker_process() noexcept {
  detail::started_as();
  return detail::is_worker.load(std::memory_order_relaxed);
}

}  // namespace fanout

extern "C" int __libc_start_main(fanout::detail::main_fn main, int argc, char** argv, void (*init)(), void (*fini)(),
                                 void (*rtld_fini)(), void* stack_end) {
  using start_fn = int (*)(fanout::detail::main_fn, int, char**, void (*)(), void (*)(), void (*)(), void*);
  const auto real = reinterpret_cast<start_fn>(::dlsym(RTLD_NEXT, "__libc_start_main"));
  if (real == nullptr) ::abort();  // there is no C library to report to
  fanout::detail::user_main = main;
  return real(&fanout::detail::main_or_worker, argc, argv, init, fini, rtld_fini, stack_end);
}
