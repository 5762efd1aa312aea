// SPDX-License-Identifier: Apache-2.0
// What goes wrong with arguments and results, said in full. Kept out of the headers: every call would instantiate it.
#include "fanout/detail/shipping.hpp"

#include <cxxabi.h>

#include <string>
#include <system_error>

#include "core/type_names.hpp"

namespace fanout::detail {

void throw_data_too_short(std::size_t wanted, std::size_t left) {
  throw serialization_error("the data ends too early: " + std::to_string(wanted) + " wanted, " + std::to_string(left) +
                            " left");
}

void throw_no_block(int error) {
  throw serialization_error("the shared memory of a shared_buffer or shared_array did not come: " +
                            (error != 0 ? std::generic_category().message(error)
                                        : std::string("its descriptor was not sent; too many are on their way")));
}

void throw_null_text() { throw serialization_error("it is a null pointer in place of a text"); }

void rethrow_as_serialization_error(const char* what, std::size_t number, const std::type_info& type, const char* did) {
  std::string text = what;
  if (number != 0) text += " " + std::to_string(number);
  text += " (" + type_name(type) + ") could not be " + did + ": ";
  try {
    throw;
  } catch (const std::exception& error) {
    throw serialization_error(text + error.what());
  } catch (const abi::__forced_unwind&) {
    throw;
  } catch (...) {
    const std::type_info* const thrown = abi::__cxa_current_exception_type();
    throw serialization_error(text + "its code threw " + (thrown != nullptr ? type_name(*thrown) : "something"));
  }
}

}  // namespace fanout::detail
