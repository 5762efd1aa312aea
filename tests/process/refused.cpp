// SPDX-License-Identifier: Apache-2.0
// Programs that must not compile, one for each CASE, because what they submit or register cannot travel.
#include <exception>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "fanout/process_pool.hpp"
#include "fanout/registered_exception.hpp"

struct node {
  std::string name;
  node* next;
};
struct flat_node {
  int value[2];
  flat_node* next;
};
struct counter {
  int value;
  int up() { return ++value; }
};

struct error_without_text : std::exception {
  int number = 0;
};
struct error_of_two_numbers : std::exception {
  error_of_two_numbers(int a, int b) : first(a), second(b) {}
  template <class Archive>
  void serialize(Archive& archive) {
    archive(first, second);
  }
  int first, second;
};

void submit(fanout::process_pool& pool, int local) {
#if CASE == 0
  static_cast<void>(pool.submit([](int x) { return x; }, local));
#elif CASE == 1
  static_cast<void>(pool.submit([local] { return local; }));
#elif CASE == 2
  static_cast<void>(pool.submit(std::function<int()>([] { return 1; })));
#elif CASE == 3
  static_cast<void>(pool.submit([](int* p) { return *p; }, &local));
#elif CASE == 4
  static_cast<void>(pool.submit([](const node& n) { return n.name; }, node{"a", nullptr}));
#elif CASE == 5
  static_cast<void>(pool.submit([] { return std::string_view("gone"); }));
#elif CASE == 6
  static_cast<void>(pool.submit(&counter::up, counter{1}));
#elif CASE == 7
  static_cast<void>(pool.submit([](int& x) { ++x; }, local));
#elif CASE == 8
  static_cast<void>(pool.submit([] { return std::vector<std::vector<std::mutex*>>(); }));
#elif CASE == 9
  static_cast<void>(pool.submit([](int x) { return x; }, std::ref(local)));
#elif CASE == 10
  static_cast<void>(pool.submit([](flat_node n) { return n.value[0]; }, flat_node{{1, 2}, nullptr}));
#elif CASE == 12
  const fanout::registered_exception<error_without_text> comes_back;
#elif CASE == 13
  const fanout::registered_exception<error_of_two_numbers> comes_back;
#elif CASE == 14
  const fanout::registered_exception<const char*> comes_back;
#endif
}
