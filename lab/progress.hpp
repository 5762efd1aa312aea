// SPDX-License-Identifier: Apache-2.0
// What goes on, on stderr: one line that is rewritten on a terminal, else a line per finished round. And what tasks
// print.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "lab/experiment.hpp"
#include "lab/terminal.hpp"

namespace lab {

class progress : public observer {
 public:
  explicit progress(const terminal& shown_on) : terminal_(shown_on) {}
  ~progress() override { erase(); }

  void started(const record& experiment) override;
  void measuring(unsigned round, const std::string& model) override;
  void measured(const run_record& run) override;
  void round_finished(const record& experiment) override;
  void tracing(const std::string& model) override;
  void tick() override;
  void printed(const std::string& model, const output_line& line) override;

 protected:
  /// Of the line that is rewritten: before anything else is written.
  void erase();

 private:
  using clock = std::chrono::steady_clock;
  struct times {
    unsigned left = 0;  // runs to come, the current one included
    unsigned done = 0;
    bool failed = false;
    double spent_s = 0;  // in those done, with the start and end of the process
  };

  void draw();
  std::string rounds_in_words() const;
  /// The end of the rounds that are certain to come: the next look.
  void plan_until(unsigned look);
  /// Seconds until then; negative as long as a model has not been seen.
  double remaining_s() const;

  terminal terminal_;
  std::string title_, model_, standing_;
  std::vector<unsigned> looks_;
  unsigned round_ = 0, until_ = 0, repeats_ = 1;
  std::map<std::string, times> models_;
  clock::time_point started_, run_started_;
  bool tracing_ = false, drawn_ = false;
};

}  // namespace lab
