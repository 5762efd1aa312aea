// SPDX-License-Identifier: Apache-2.0
// The handlers of a worker that crashes.
//
// They run at any instruction, on memory in any state: no allocation, no lock. Modules are found by _dl_find_object,
// frames by the unwinder, which finds its tables by the same. Should a handler crash itself, it is entered again, and
// ends the process by the first signal.
#include "crash_record.hpp"

#include <cxxabi.h>
#include <dlfcn.h>
#include <link.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <exception>
#include <string>
#include <string_view>
#include <typeinfo>

#include "core/type_names.hpp"

namespace fanout::detail {

namespace {

constexpr int crash_signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP};
constexpr std::size_t least_signal_stack = std::size_t{64} << 10;

/// A stack's addresses, those included that it has not grown to yet.
struct stack_range {
  std::uintptr_t low = 0, high = 0;
};

/// Complete before the first handler is installed; handlers only read it.
struct installation {
  crash_record* record = nullptr;
  pid_t process = 0;
  stack_range stack;  // of the thread that runs the tasks; empty: not known
  char executable[crash_facts::longest_path] = {};
  std::terminate_handler terminate_before = nullptr;
};
installation installed;

// The thread whose crash is recorded: each that crashes tries to take the place of 0. Its signal is written by that
// thread, and read only when a handler on the same thread is entered again.
std::atomic<pid_t> recorder = 0;
std::atomic<int> first_signal = 0;

// The thread that called std::terminate first, in the same way. Only that thread reads the rest.
std::atomic<pid_t> terminator = 0;
std::uintptr_t terminate_site = 0;  // where our handler was called
char last_words[crash_facts::longest_text];

template <std::size_t Size>
void copy_start(char (&to)[Size], std::string_view text) noexcept {
  *std::ranges::copy(text.substr(0, Size - 1), to).out = '\0';
}

/// If `text` is too long: "..." and its end, which of a path is its name.
template <std::size_t Size>
void copy_end(char (&to)[Size], std::string_view text) noexcept {
  if (text.size() < Size) return copy_start(to, text);
  char* const rest = std::ranges::copy(std::string_view("..."), to).out;
  *std::ranges::copy(text.substr(text.size() - (Size - 4)), rest).out = '\0';
}

// --- where it crashed

std::uintptr_t instruction_in(const ucontext_t& context) noexcept {
#if defined(__x86_64__)
  return static_cast<std::uintptr_t>(context.uc_mcontext.gregs[REG_RIP]);
#elif defined(__aarch64__)
  return context.uc_mcontext.pc;
#else
#error "fanout knows the registers of x86-64 and AArch64 only: add yours here and below"
#endif
}

std::uintptr_t stack_in(const ucontext_t& context) noexcept {
#if defined(__x86_64__)
  return static_cast<std::uintptr_t>(context.uc_mcontext.gregs[REG_RSP]);
#else
  return context.uc_mcontext.sp;
#endif
}

/// Where a function would return to of which no instruction was executed.
__attribute__((no_sanitize("address", "thread", "undefined"))) std::uintptr_t caller_in(
    const ucontext_t& context) noexcept {
#if defined(__x86_64__)
  return *reinterpret_cast<const volatile std::uintptr_t*>(stack_in(context));
#else
  return context.uc_mcontext.regs[30];
#endif
}

/// The instruction after int3 is where that is noticed.
bool is_breakpoint(const siginfo_t& info) noexcept {
#if defined(__x86_64__)
  return info.si_signo == SIGTRAP && info.si_code == SI_KERNEL;
#else
  static_cast<void>(info);
  return false;
#endif
}

bool is_fault(const siginfo_t& info) noexcept {
  const int s = info.si_signo;
  return info.si_code > 0 && (s == SIGSEGV || s == SIGBUS || s == SIGILL || s == SIGFPE);
}

/// SI_KERNEL: the address is none that there can be, so that the processor does not tell it.
bool has_address(const siginfo_t& info) noexcept { return is_fault(info) && info.si_code != SI_KERNEL; }

pid_t other_sender(const siginfo_t& info) noexcept {
  const bool sent = info.si_code == SI_USER || info.si_code == SI_QUEUE || info.si_code == SI_TKILL;
  return sent && info.si_pid != installed.process ? info.si_pid : 0;
}

/// Was it the stack that had no room for what was written? Of a stack that is not known (another thread's, a
/// coroutine's), all that tells is that the address is close to the stack pointer.
bool is_stack_overflow(std::uintptr_t address, std::uintptr_t stack) noexcept {
  constexpr std::uintptr_t close = std::uintptr_t{64} << 10, page = 4096;
  constexpr std::uintptr_t largest_frame = std::uintptr_t{64} << 20;  // it may reach that far below the stack
  const stack_range& known = installed.stack;
  if (stack + largest_frame < known.low || stack >= known.high)
    return address + close >= stack && address < stack + close;
  return stack < known.low + close && address < known.low + page && address + close >= std::min(stack, known.low);
}

// --- the record

/// Appends frames, and the modules that they are in.
class frame_list {
 public:
  explicit frame_list(crash_facts& facts) noexcept : facts_(facts) {}

  bool full() const noexcept { return frames_ == crash_facts::most_frames; }
  bool only_one() const noexcept { return frames_ == 1; }

  void add(std::uintptr_t address) noexcept {
    dl_find_object found{};
    crash_frame frame{.module = crash_frame::no_module, .reserved = 0, .offset = address};
    if (::_dl_find_object(reinterpret_cast<void*>(address), &found) == 0) {
      frame.module = index_of(*found.dlfo_link_map);
      if (frame.module != crash_frame::no_module) frame.offset -= found.dlfo_link_map->l_addr;
    }
    facts_.frames[frames_] = frame;
    facts_.frame_count = ++frames_;
  }

 private:
  std::uint32_t index_of(const link_map& module) noexcept {
    const auto end = modules_ + module_count_;
    const auto known = std::find(modules_, end, &module);
    if (known != end) return static_cast<std::uint32_t>(known - modules_);
    if (module_count_ == crash_facts::most_modules) return crash_frame::no_module;
    modules_[module_count_] = &module;
    const bool executable = module.l_name == nullptr || *module.l_name == '\0';
    copy_end(facts_.modules[module_count_], executable ? installed.executable : module.l_name);
    facts_.module_count = module_count_ + 1;
    return module_count_++;
  }

  crash_facts& facts_;
  const link_map* modules_[crash_facts::most_modules] = {};
  std::uint32_t frames_ = 0, module_count_ = 0;  // not read from the record: other threads may still damage it
};

/// The unwinder begins in the handler: frames count after the one at `from`.
struct walk {
  frame_list& frames;
  const std::uintptr_t from;
  bool begun = false;
  int most_before = 64;
};

_Unwind_Reason_Code take_frame(_Unwind_Context* context, void* of) {
  walk& w = *static_cast<walk*>(of);
  const std::uintptr_t address = ::_Unwind_GetIP(context);
  if (w.begun && address != 0) w.frames.add(address);
  if (address == w.from) w.begun = true;
  return w.frames.full() || (!w.begun && --w.most_before == 0) ? _URC_END_OF_STACK : _URC_NO_REASON;
}

void record_crash(const siginfo_t& info, const ucontext_t& context) noexcept {
  crash_record& record = *installed.record;
  crash_facts& facts = record.facts;
  record.state.store(crash_state::being_written, std::memory_order_relaxed);
  std::memset(static_cast<void*>(&facts), 0, sizeof facts);
  facts.signal = info.si_signo;
  facts.code = info.si_code;
  facts.thread = ::gettid();
  facts.sender = other_sender(info);
  if (has_address(info)) {
    facts.has_address = 1;
    facts.address = reinterpret_cast<std::uintptr_t>(info.si_addr);
    facts.stack_overflow = info.si_signo == SIGSEGV && is_stack_overflow(facts.address, stack_in(context)) ? 1 : 0;
  }
  const bool terminated = terminator.load(std::memory_order_relaxed) == facts.thread;
  if (terminated) copy_start(facts.text, last_words);
  frame_list frames(facts);
  const std::uintptr_t instruction = instruction_in(context);
  frames.add(is_breakpoint(info) ? instruction - 1 : instruction);
  record.state.store(crash_state::outlined, std::memory_order_release);
  walk w{frames, terminated ? terminate_site : instruction};  // without the terminate handlers, which may be the user's
  ::_Unwind_Backtrace(&take_frame, &w);
  const bool no_code_there = facts.has_address == 1 && facts.address == instruction && info.si_signo == SIGSEGV;
  if (no_code_there && frames.only_one()) frames.add(caller_in(context));
  record.state.store(crash_state::whole, std::memory_order_release);
}

// --- handlers

/// Of this thread. With all of them blocked, as threads of tasks may have them, a second crash would be the end.
void unblock_crash_signals() noexcept {
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int signal : crash_signals) ::sigaddset(&signals, signal);
  ::pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

/// By what the signal does by default. Not by returning to the instruction: it may not fail again.
[[noreturn]] void end_by(int signal, siginfo_t* info) noexcept {
  struct sigaction usual{};
  usual.sa_handler = SIG_DFL;
  ::sigaction(signal, &usual, nullptr);
  // With all that was known of it, for core dumps; a sandbox may not allow that.
  if (info != nullptr) ::syscall(SYS_rt_tgsigqueueinfo, ::getpid(), ::gettid(), signal, info);
  ::raise(signal);
  ::_exit(128 + signal);  // the first process of a container does not die of its own signals
}

/// Another thread was first: it ends the process. Not for ever, should it hang.
void wait_for_recorder() noexcept {
  constexpr timespec pause{.tv_sec = 0, .tv_nsec = 10'000'000};
  for (int i = 0; i < 100; ++i) ::nanosleep(&pause, nullptr);
}

void on_crash(int signal, siginfo_t* info, void* context) {
  unblock_crash_signals();
  if (::getpid() != installed.process) end_by(signal, info);  // a fork of the worker: the record is not its own
  const pid_t self = ::gettid();
  pid_t nobody = 0;
  if (recorder.compare_exchange_strong(nobody, self, std::memory_order_relaxed)) {
    first_signal.store(signal, std::memory_order_relaxed);
    record_crash(*info, *static_cast<const ucontext_t*>(context));
  } else if (nobody == self) {
    end_by(first_signal.load(std::memory_order_relaxed), nullptr);  // a crash of this handler
  } else {
    wait_for_recorder();
  }
  end_by(signal, info);
}

/// Writes the type before it asks for the text: what() may not come back.
void note_exception() noexcept {
  const std::type_info* const type = abi::__cxa_current_exception_type();
  if (type == nullptr) return copy_start(last_words, "no exception");
  try {
    const std::string name = type_name(*type);
    copy_start(last_words, name);
    try {
      throw;
    } catch (const std::exception& thrown) {
      const char* const text = thrown.what();
      if (text != nullptr) copy_start(last_words, name + ": " + text);
    }
  } catch (...) {  // something else was thrown, perhaps by what()
  }
}

[[noreturn]] void on_terminate() {
  pid_t nobody = 0;
  if (terminator.compare_exchange_strong(nobody, ::gettid(), std::memory_order_relaxed)) {
    terminate_site = reinterpret_cast<std::uintptr_t>(__builtin_return_address(0));
    note_exception();
  }
  if (installed.terminate_before != nullptr) installed.terminate_before();
  ::abort();
}

// --- their installation

void use_own_signal_stack() noexcept {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t wanted = std::max(least_signal_stack, static_cast<std::size_t>(SIGSTKSZ));
  const std::size_t size = (wanted + page - 1) / page * page;
  void* const area = ::mmap(nullptr, page + size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (area == MAP_FAILED) return;  // then a stack that overflows is not told from others
  ::mprotect(area, page, PROT_NONE);
  stack_t stack{};
  stack.ss_sp = static_cast<char*>(area) + page;
  stack.ss_size = size;
  ::sigaltstack(&stack, nullptr);
}

/// The stack that the process began with, if this thread runs on it. At its end lie the program's name and one more
/// word; pthread_getattr_np would find the same in /proc/self/maps, in 150 µs.
stack_range first_stack() noexcept {
  const unsigned long name = ::getauxval(AT_EXECFN);
  rlimit limit{};
  if (name == 0 || ::getrlimit(RLIMIT_STACK, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return {};
  const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  const std::uintptr_t high = name + std::strlen(reinterpret_cast<const char*>(name)) + 1 + sizeof(void*);
  const std::uintptr_t low = high - std::min<std::uintptr_t>(limit.rlim_cur, high);
  return here >= low && here < high ? stack_range{low, high} : stack_range{};
}

void note_executable() noexcept {
  char path[4096];
  const ssize_t size = ::readlink("/proc/self/exe", path, sizeof path);
  if (size > 0) copy_end(installed.executable, std::string_view(path, static_cast<std::size_t>(size)));
}

/// The unwinder loads and initializes what it needs when it is first used.
void warm_up() noexcept {
  ::_Unwind_Backtrace([](_Unwind_Context*, void*) { return _URC_END_OF_STACK; }, nullptr);
}

void handle(int signal) noexcept {
  struct sigaction present{};
  if (::sigaction(signal, nullptr, &present) != 0 || present.sa_handler != SIG_DFL) return;
  struct sigaction crash{};
  crash.sa_sigaction = on_crash;
  crash.sa_flags = SA_SIGINFO | SA_ONSTACK;
  ::sigaction(signal, &crash, nullptr);
}

// ThreadSanitizer's runtime keeps signals for later, and locks that are held in a fork: a crash could wait for ever.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
constexpr bool can_record = false;
#else
constexpr bool can_record = true;
#endif
#else
constexpr bool can_record = true;
#endif

}  // namespace

void install_crash_handlers(crash_record& where) {
  if (!can_record) return;
  installed.record = &where;
  installed.process = ::getpid();
  installed.stack = first_stack();
  note_executable();
  use_own_signal_stack();
  warm_up();
  const auto before = std::set_terminate(on_terminate);
  if (before != on_terminate) installed.terminate_before = before;
  for (const int signal : crash_signals) handle(signal);
}

}  // namespace fanout::detail
