// SPDX-License-Identifier: Apache-2.0
// Exceptions out of any bytes: there always is one, and it can be sent on.
#include <exception>
#include <string>
#include <typeinfo>
#include <vector>

#include "fanout/errors.hpp"
#include "input.hpp"
#include "process/exception_codec.hpp"

namespace {

using namespace fanout::detail;
using fanout_fuzz::input;
using fanout_fuzz::require;

struct description {
  std::string type, what;
  bool operator==(const description&) const = default;
};

/// What it is, and what it encodes to.
description look_at(const std::exception_ptr& thrown, byte_buffer& encoded) {
  require(thrown != nullptr, "there is an exception");
  description d;
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& error) {
    d = {typeid(error).name(), error.what()};
    encode_current_exception(encoded);
  } catch (const fanout::cancelled& error) {
    d = {typeid(error).name(), error.what()};
    encode_current_exception(encoded);
  }
  return d;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto all = input(data, size).rest();
  const std::vector<std::byte> bytes(all.begin(), all.end());
  byte_buffer once, twice, thrice;
  look_at(decode_exception(bytes), once);
  // By now it is one that a worker can send: no text with a NUL inside, no unknown category.
  const description sent = look_at(decode_exception(once.bytes()), twice);
  const description arrived = look_at(decode_exception(twice.bytes()), thrice);
  require(sent == arrived, "an exception is the same after the journey");
  return 0;
}
