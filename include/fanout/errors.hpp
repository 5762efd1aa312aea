// SPDX-License-Identifier: Apache-2.0
// Everything fanout throws. All but `cancelled` derive from fanout::error.
#pragma once

#include <sys/types.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace fanout {

/// What every error of this library derives from. what() says what happened, to which input, and what to do.
class error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A deadline passed: of `timeout`, of a task, or of an item of a `map`.
class timed_out : public error {
 public:
  using error::error;
};

/// Work was given to a pool that has been shut down.
class pool_closed : public error {
 public:
  using error::error;
};

/// The pool cannot run tasks any more: its workers cannot be started. what() says why, and after how many attempts.
class pool_broken : public error {
 public:
  using error::error;
};

/// Arguments or a result could not be encoded or decoded. what() names the side and the type.
class serialization_error : public error {
 public:
  using error::error;
};

/// The worker cannot find the function: its address belongs to no module, or the worker has another build of the
/// module.
class not_importable : public error {
 public:
  using error::error;
};

/// A worker passed its memory limit. what() names the limit and the size seen.
class memory_limit_exceeded : public error {
 public:
  using error::error;
};

/// A node of a cluster stopped answering.
class node_lost : public error {
 public:
  using error::error;
};

/// A value was sent through a channel that is closed, or was closed before it accepted the value.
class channel_closed : public error {
 public:
  using error::error;
};

/// An exception of a type that the parent cannot rebuild: the type's name, and its what().
class remote_error : public error {
 public:
  remote_error(std::string type, const std::string& message) : error(message), type_(std::move(type)) {}

  /// The demangled name of the exception's type in the worker.
  std::string type() const { return type_; }

 private:
  std::string type_;
};

/// The worker process ended while it ran the task. Only that task fails.
class worker_died : public error {
 public:
  worker_died(const std::string& message, int signal, int exit_code, pid_t pid)
      : error(message), signal_(signal), exit_code_(exit_code), pid_(pid) {}

  /// The signal that ended the process; 0 if it exited by itself.
  int signal() const { return signal_; }
  /// What the process passed to exit(); 0 if a signal ended it.
  int exit_code() const { return exit_code_; }
  pid_t pid() const { return pid_; }

 private:
  int signal_;
  int exit_code_;
  pid_t pid_;
};

/// Thrown out of a suspension point of work that was asked to stop. Not a std::exception, as asyncio's CancelledError
/// is not an Exception: code that catches errors must not swallow it.
class cancelled {
 public:
  const char* what() const noexcept { return "cancelled"; }
};

}  // namespace fanout
