// SPDX-License-Identifier: Apache-2.0
// Values out of any bytes: either an exception, or a value, which then makes the journey there and back.
#include <array>
#include <bitset>
#include <cerrno>
#include <chrono>
#include <complex>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "fanout/detail/archive.hpp"
#include "fanout/detail/shipping.hpp"
#include "fanout/shared_array.hpp"
#include "input.hpp"
#include "process/memory_block.hpp"

namespace {

using namespace fanout::detail;
using fanout_fuzz::input;
using fanout_fuzz::require;

enum class colour : unsigned char { red, green };

struct point {
  double x, y;
};
struct label {
  std::string text;
  std::vector<point> outline;
  std::optional<colour> fill;
  bool visible;
};
struct node {
  int value;
  std::vector<node> below;
};
struct empty {};

/// A class with its own grammar.
class account {
 public:
  template <class Archive>
  void serialize(Archive& archive) {
    archive(owner_, cents_, history_);
  }

 private:
  std::string owner_;
  long cents_ = 0;
  std::vector<std::pair<std::string, long>> history_;
};

using all_types =
    std::tuple<std::vector<std::string>, std::map<std::string, std::vector<int>>,
               std::variant<int, std::string, std::vector<double>>, label, point, std::vector<label>, std::string,
               std::vector<bool>, std::optional<std::string>, std::unique_ptr<label>,
               std::pair<std::shared_ptr<std::string>, std::shared_ptr<std::string>>, std::deque<std::u16string>,
               std::set<int>, std::list<std::vector<char>>, std::unordered_map<int, std::string>, std::bitset<70>,
               std::array<std::string, 3>, std::tuple<int, std::string, bool>, std::complex<double>,
               std::chrono::milliseconds, std::vector<empty>, node, account,
               std::vector<std::vector<std::vector<std::string>>>, std::variant<std::monostate, label, account>,
               fanout::shared_array<int>, std::vector<fanout::shared_buffer>>;

byte_buffer encoded(const auto& value) {
  byte_buffer bytes;
  writer to(bytes);
  to(value);
  return bytes;
}

/// Number 1 and 2: one that is there, and one that could not be had.
std::span<const arrived_block> blocks_that_came() {
  static const std::array<arrived_block, 2> blocks{
      {{.number = 1, .block = memory_block::make(100), .error = 0}, {.number = 2, .block = {}, .error = ENOMEM}}};
  return blocks;
}

template <class T>
void decode(std::span<const std::byte> bytes) {
  T value{};
  try {
    reader from({bytes, blocks_that_came()});
    from(value);
  } catch (const std::exception&) {
    return;
  }
  const byte_buffer once = encoded(value);
  T copy{};
  reader from(once.bytes());
  from(copy);
  require(from.left() == 0, "what was written is read to its end");
  require(encoded(copy).size() == once.size(), "a value is the same after the journey");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  input in(data, size);
  const std::size_t which = in.number<std::uint8_t>() % std::tuple_size_v<all_types>;
  // On the heap, of exactly that size: so that one byte too much is seen.
  const auto rest = in.rest();
  const std::vector<std::byte> bytes(rest.begin(), rest.end());
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    ((which == I ? decode<std::tuple_element_t<I, all_types>>(bytes) : void()), ...);
  }(std::make_index_sequence<std::tuple_size_v<all_types>>());
  return 0;
}
