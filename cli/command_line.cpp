// SPDX-License-Identifier: Apache-2.0
// CLI11 finds out which text belongs to which option; options.hpp makes values of them, with messages of ours.
#include "cli/command_line.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <charconv>
#include <fanout/workers.hpp>
#include <filesystem>
#include <memory>
#include <system_error>

#include "cli/completion.hpp"
#include "cli/config_file.hpp"
#include "cli/description.hpp"
#include "cli/manual.hpp"
#include "cli/nearest_word.hpp"
#include "cli/work_syntax.hpp"
#include "lab/statistics.hpp"
#include "lab/terminal.hpp"
#include "lab/workload.hpp"
#include "workloads/builtin.hpp"

namespace cli {

namespace {

constexpr unsigned most_tasks = 100'000, most_workers = 1024, most_rounds = 1000, most_warmups = 100, most_runs = 1000;

constexpr auto overview = R"(Examples:
  fanout compare              the notebook: waits and CPU work, native and
                              Python (about two minutes)
  fanout compare sleep:0.5    five tasks that wait half a second
  fanout compare tasks.py:cpu_task --arg 1000000
  fanout compare cpu:100000000 --export-json record.json
  fanout explain record.json  what that comparison showed
  fanout self-test            can what it says be trusted here?
  fanout costs                what switches, threads and processes cost here
  fanout doctor               what this machine offers, and what is missing
  fanout compare --help)";

constexpr auto work_help = R"(WORK:
  (none)                      the notebook: five waits of 1 s and two CPU-bound
                              tasks, natively and as Python functions
  FILE.py:FUNCTION            a function of yours, run by your own Python. Each
                              --arg is a Python literal or JSON, else a text;
                              '{i}' stands for the number of the task
  FILE.ipynb:FUNCTION         one of a notebook, whose cells are run up to the
                              last that it needs
  PACKAGE.MODULE:FUNCTION     one of a module, as python -m finds it. FUNCTION
                              may be anything that can be called: Class.method,
                              an object, a functools.partial
  ./FILE.so:FUNCTION          a function in C++ that <fanout/export.hpp> has
                              exported; --arg as above, but JSON
  http://HOST:PORT/PATH       a GET; '{i}' as above
  'cmd:COMMAND ARGS'          a child process, in any language; '{i}' as above
  or a native task that
)";

constexpr auto compare_help = R"(
Examples:
  fanout compare
  fanout compare cpu:100000000 --models serial,threads
  fanout compare tasks.py:fetch_data --arg '{i}' --arg 1 --tasks 5
  fanout compare tasks.py:cpu_task --arg 1000000 --python .venv/bin/python
  fanout compare json:loads --args-from documents.jsonl --peers
  fanout compare ./libtasks.so:cpu_task --arg 100000000
  fanout compare 'http://localhost:8080/item?id={i}' --tasks 200 --workers 32
  fanout compare 'cmd:gzip -9 -c part{i}.log' --tasks 8
  fanout compare tasks.py:cpu_task --assert 'processes < 0.6*threads'
  fanout compare cpu:100000000 --reference serial --export-json record.json
  fanout compare --resume record.json
  fanout compare cpu:1000 --tasks 10,100,1000,10000
  fanout compare tasks.py:work --tasks 16 --workers 1..8
  fanout compare tasks.py:cpu_task --trace trace.json
  fanout compare tasks.py:cpu_task --dry-run
  fanout compare sleep:0.2 --format json | jq '.summary[] | {model, median_s}'

Exit codes: 0 ok, 1 a task failed, 2 wrong usage, 3 undecided (--strict), 4 not
shown (--assert), 5 the models' results differ, 130 interrupted.)";

constexpr auto self_test_help = R"(WORK is as for fanout compare, without arguments. Each run is a whole comparison
of a model with itself: it must not say that one of the two is faster.

Examples:
  fanout self-test
  fanout self-test --runs 20
  fanout self-test sleep:0.1 --model processes

Exit codes: 0 none was called faster, 1 one was or a task failed, 2 wrong usage,
5 its results differ.)";

constexpr auto explain_help = R"(FILE:
  what fanout compare --export-json FILE has written, or --format json printed

Everything but the measurements themselves is found out anew from them: medians,
verdicts, ranks. The output is that of the run.

Examples:
  fanout compare cpu:100000000 --export-json record.json
  fanout explain record.json
  fanout explain record.json --format md
  fanout explain record.json --assert 'threads < 0.6*serial'

Exit codes: those of the run; 2 if FILE cannot be read or is no record.)";

constexpr auto costs_help = R"(What a switch, a thread, a process, a sleeping task and a hand-over cost on this
machine, each measured in a process of its own, beside what the notebook claims.
Takes about ten seconds; what else the machine does shows in the figures.

Examples:
  fanout costs
  fanout costs --format json | jq '.costs[] | {id, median}'

Exit codes: 0 ok, also if something cannot be measured here; 130 interrupted.)";

constexpr auto doctor_help = R"(CPUs, limits, virtualisation, counters and clock; the Pythons on PATH and of the
active virtual environment; the start methods of process pools; and what to
install for what is missing.

Examples:
  fanout doctor
  fanout doctor --format json | jq '.pythons[] | {executable, version}'

Exit codes: 0 ok, 1 if fanout compare could not run at all, 130 interrupted.)";

constexpr auto completion_help = R"(SHELL:
  bash, zsh or fish. An installed fanout has its completions installed already

Examples:
  source <(fanout completion bash)
  fanout completion zsh > "${fpath[1]}/_fanout"
  fanout completion fish > ~/.config/fish/completions/fanout.fish)";

/// As typed.
struct texts {
  std::string work, tasks, workers, models, reference, rounds, warmup, budget, timeout, python, min_effect, format,
      seed, export_json, trace, resume, runs, config;
  std::string args_from, setup;
  std::vector<std::string> args, kwargs, assertions;
  bool strict = false, dry_run = false, peers = false, no_config = false;
  std::string spec, model, file;
  std::string cost, batches, shell;
};

/// CLI11's help with our first lines, in which the work comes before its options, as in all examples. The footer tells
/// more of the work than would fit into a line.
class help_formatter final : public CLI::Formatter {
 public:
  help_formatter(const char* heading, const char* usage) : heading_(heading), usage_(usage) {}

  std::string make_description(const CLI::App*) const override { return fmt::format("{}\n\n", heading_); }
  std::string make_usage(const CLI::App*, std::string) const override { return fmt::format("Usage: {}\n", usage_); }
  std::string make_positionals(const CLI::App*) const override { return {}; }

 private:
  const char* heading_;
  const char* usage_;
};

void set_help(CLI::App& app, const char* heading, const char* usage, const std::string& footer) {
  app.formatter(std::make_shared<help_formatter>(heading, usage));
  app.set_help_flag("-h,--help", "show this help");
  app.footer(footer);
}

/// Those of both commands.
void add_report_options(CLI::App& command, texts& typed) {
  command.add_option("--format", typed.format, "table, json, csv or md (table)")->option_text("FORMAT");
  command
      .add_option("--assert", typed.assertions,
                  "exit with 4 unless that is shown, such as\nprocesses < threads; may be repeated")
      ->option_text("CLAIM")
      ->allow_extra_args(false);
  command.add_flag("--strict", typed.strict, "exit with 3 if anything is undecided");
}

/// WORK, and what each built-in workload does.
std::string help_on_work() {
  constexpr std::size_t indent = 30, width = 80;
  std::string text = work_help;
  for (const workloads::builtin& work : workloads::builtins())
    text += fmt::format("  {:<{}}{}\n", fmt::format("{}:{}", work.name, work.argument), indent - 2,
                        lab::wrapped(work.about, width, indent));
  return text;
}

void add_compare(CLI::App& app, texts& typed) {
  CLI::App* compare = app.add_subcommand("compare", "run work under every concurrency model; say which is best");
  compare->group("Commands");
  set_help(*compare, "Run work under every concurrency model; say which is best.", "fanout compare [WORK] [OPTIONS]",
           help_on_work() + compare_help);
  auto option = [compare](const char* name, auto& text, const char* value, const char* about) {
    return compare->add_option(name, text, about)->option_text(value);
  };
  compare->add_option("WORK", typed.work);
  option("--arg", typed.args, "V", "an argument for FUNCTION; may be repeated")->allow_extra_args(false);
  option("--kwarg", typed.kwargs, "NAME=V", "an argument by its name; may be repeated")->allow_extra_args(false);
  option("--args-from", typed.args_from, "FILE",
         "a file of JSON lines, each the arguments of one\ntask: a list, an object of named ones, or one");
  option("--setup", typed.setup, "CODE", "code that each process runs once, in the module,\nafter its import");
  option("--tasks", typed.tasks, "N",
         "tasks at the same time (2, or 5 of short ones);\nseveral: where does the best model change");
  option("--workers", typed.workers, "N",
         "threads or processes (one per task, at most the\nnumber of CPUs + 4, at most 32); several, too");
  option("--models", typed.models, "LIST",
         "some of serial,async,threads,processes (these)\nor "
         "processes/spawn,processes/fork,to_thread,\nasync/uvloop,subinterpreters,free-threading, "
         "or\nthe word all");
  compare->add_flag("--peers", typed.peers, "and with Python's own pools and loop, and joblib");
  option("--reference", typed.reference, "MODEL", "compare the others with this one alone");
  option("--rounds", typed.rounds, "N|auto",
         "in each every model runs (auto: 5 to 20, until\nevery pair is decided or two minutes are over)");
  option("--budget", typed.budget, "TIME", "no more rounds after so long, such as 90s or 2m");
  option("--timeout", typed.timeout, "TIME", "a run that takes longer fails its model (10m)");
  option("--warmup", typed.warmup, "N", "runs of each model before the first round (1)");
  option("--python", typed.python, "PATH", "the interpreter (that of the active virtual\nenvironment, else python3)");
  option("--min-effect", typed.min_effect, "SHARE", "the smallest difference that matters (3%)");
  add_report_options(*compare, typed);
  option("--export-json", typed.export_json, "FILE", "write the record to FILE, for fanout explain");
  option("--trace", typed.trace, "FILE", "write to FILE a timeline of one more run of each\nmodel, for Perfetto");
  option("--resume", typed.resume, "FILE", "go on with what Ctrl-C has interrupted");
  option("--seed", typed.seed, "N", "seed of the order in which models run (random)");
  compare->add_flag("--dry-run", typed.dry_run, "show what would be run, and run nothing");
  option("--config", typed.config, "FILE", "a file with defaults (that of the user)");
  compare->add_flag("--no-config", typed.no_config, "no defaults from a file");
}

CLI::App* add_explain(CLI::App& app, texts& typed) {
  CLI::App* explain = app.add_subcommand("explain", "show what a recorded comparison found, and conclude anew");
  explain->group("Commands");
  set_help(*explain, "Show what a recorded comparison found, and conclude anew.", "fanout explain FILE [OPTIONS]",
           explain_help);
  explain->add_option("FILE", typed.file);
  add_report_options(*explain, typed);
  return explain;
}

CLI::App* add_self_test(CLI::App& app, texts& typed) {
  CLI::App* test = app.add_subcommand("self-test", "compare a model with itself: none may be called faster");
  test->group("Commands");
  set_help(*test, "Compare a model with itself: none may be called faster.", "fanout self-test [WORK] [OPTIONS]",
           self_test_help);
  test->add_option("WORK", typed.work);
  test->add_option("--model", typed.models, "which (threads)")->option_text("MODEL");
  test->add_option("--runs", typed.runs, "how often (1)")->option_text("N");
  test->add_option("--budget", typed.budget, "no more rounds of a run after so long (2m)")->option_text("TIME");
  return test;
}

self_test_options checked_self_test(const texts& typed) {
  self_test_options options;
  if (!typed.work.empty()) options.work = typed.work;
  if (!typed.models.empty()) options.model = parse_model("--model", typed.models);
  if (!typed.runs.empty()) options.runs = parse_count("--runs", typed.runs, 1, most_runs);
  if (!typed.budget.empty()) options.budget = parse_time("--budget", typed.budget);
  return options;
}

CLI::App* add_costs(CLI::App& app, texts& typed) {
  CLI::App* costs = app.add_subcommand("costs", "measure what switches, threads, processes and waiting cost");
  costs->group("Commands");
  set_help(*costs, "Measure what switches, threads, processes and waiting cost on this machine.",
           "fanout costs [OPTIONS]", costs_help);
  costs->add_option("--format", typed.format, "table or json (table)")->option_text("FORMAT");
  return costs;
}

CLI::App* add_doctor(CLI::App& app, texts& typed) {
  CLI::App* doctor = app.add_subcommand("doctor", "show what this machine offers, and what is missing");
  doctor->group("Commands");
  set_help(*doctor, "Show what this machine offers, and what is missing.", "fanout doctor [OPTIONS]", doctor_help);
  doctor->add_option("--format", typed.format, "table or json (table)")->option_text("FORMAT");
  return doctor;
}

CLI::App* add_completion(CLI::App& app, texts& typed) {
  CLI::App* completion = app.add_subcommand("completion", "print what makes a shell complete commands and options");
  completion->group("Commands");
  set_help(*completion, "Print what makes a shell complete commands and options.", "fanout completion SHELL",
           completion_help);
  completion->add_option("SHELL", typed.shell);
  return completion;
}

CLI::App* add_cost_host(CLI::App& app, texts& typed) {
  CLI::App* host = app.add_subcommand("__cost")->group("");
  host->add_option("cost", typed.cost)->required();
  host->add_option("--batches", typed.batches);
  return host;
}

CLI::App* add_run_host(CLI::App& app, texts& typed) {
  CLI::App* run = app.add_subcommand("__run")->group("");
  run->add_option("spec", typed.spec)->required();
  run->add_option("--arg", typed.args)->allow_extra_args(false);
  run->add_option("--model", typed.model)->required();
  run->add_option("--tasks", typed.tasks)->required();
  run->add_option("--workers", typed.workers)->required();
  return run;
}

CLI::App* add_check_host(CLI::App& app, texts& typed) {
  CLI::App* check = app.add_subcommand("__check")->group("");
  check->add_option("spec", typed.spec)->required();
  check->add_option("--arg", typed.args)->allow_extra_args(false);
  return check;
}

report_options checked_report(const texts& typed) {
  report_options options{.strict = typed.strict};
  if (!typed.format.empty()) options.format = parse_format(typed.format);
  for (const std::string& text : typed.assertions) options.claims.push_back(parse_assertion(text));
  return options;
}

explain_options checked_explain(const texts& typed) {
  if (typed.file.empty())
    throw lab::usage_error("which record? fanout explain FILE.json, as fanout compare --export-json has written it");
  return {.file = typed.file, .report = checked_report(typed)};
}

std::uint64_t parse_seed(std::string_view text) { return parse_count("--seed", text, 0, 0xffff'ffff); }

std::vector<unsigned> parse_rounds(std::string_view text) {
  if (text == "auto") return lab::automatic_looks;
  return {parse_count("--rounds", text, 1, most_rounds)};
}

/// An experiment goes on as it was begun, so all that made it is in its record.
void refuse_beside_resume(const texts& typed) {
  const std::pair<const char*, bool> given[] = {
      {"WORK", !typed.work.empty()},       {"--arg", !typed.args.empty()},
      {"--kwarg", !typed.kwargs.empty()},  {"--args-from", !typed.args_from.empty()},
      {"--setup", !typed.setup.empty()},   {"--peers", typed.peers},
      {"--tasks", !typed.tasks.empty()},   {"--workers", !typed.workers.empty()},
      {"--models", !typed.models.empty()}, {"--rounds", !typed.rounds.empty()},
      {"--warmup", !typed.warmup.empty()}, {"--timeout", !typed.timeout.empty()},
      {"--python", !typed.python.empty()}, {"--min-effect", !typed.min_effect.empty()},
      {"--seed", !typed.seed.empty()},     {"--reference", !typed.reference.empty()},
      {"--dry-run", typed.dry_run}};
  for (const auto& [option, is_given] : given)
    if (is_given)
      throw lab::usage_error(fmt::format("--resume goes on as {} was begun, so leave {} out", typed.resume, option));
}

/// Of known models, and one that is run.
void check_reference(const compare_options& options) {
  const std::string model = parse_model("--reference", options.reference);
  if (std::ranges::find(options.models, model) == options.models.end())
    throw lab::usage_error(fmt::format("--reference is {0}, but --models does not name {0}", model));
  for (const lab::claim& made : options.report.claims)
    if (made.a != model && made.b != model)
      throw lab::usage_error(
          fmt::format("--assert '{}' is about a pair that --reference {} leaves out", made.text, model));
}

void check_trace(const compare_options& options) {
  if (options.is_scan())
    throw lab::usage_error("--trace draws one comparison: give one number of tasks and of workers");
  if (options.trace == options.export_json)
    throw lab::usage_error(fmt::format("--trace and --export-json both name {}: give each a file", options.trace));
}

compare_options checked(const texts& typed) {
  if (!typed.resume.empty()) refuse_beside_resume(typed);
  compare_options options{.work = typed.work,
                          .args = typed.args,
                          .kwargs = parse_kwargs(typed.kwargs),
                          .args_from = typed.args_from,
                          .setup = typed.setup,
                          .models = default_models(),
                          .peers = typed.peers,
                          .reference = typed.reference,
                          .python = typed.python,
                          .export_json = typed.export_json,
                          .trace = typed.trace,
                          .resume = typed.resume,
                          .dry_run = typed.dry_run};
  if (!typed.tasks.empty()) options.tasks = parse_counts("--tasks", typed.tasks, 1, most_tasks);
  if (!typed.workers.empty()) options.workers = parse_counts("--workers", typed.workers, 1, most_workers);
  if (!typed.rounds.empty()) options.looks = parse_rounds(typed.rounds);
  if (!typed.warmup.empty()) options.warmups = parse_count("--warmup", typed.warmup, 0, most_warmups);
  if (!typed.budget.empty()) options.budget = parse_time("--budget", typed.budget);
  if (!typed.timeout.empty()) options.timeout = parse_time("--timeout", typed.timeout);
  if (!typed.models.empty()) options.models = parse_models(typed.models);
  if (options.peers) options.models = with_peers(std::move(options.models));
  if (!typed.min_effect.empty()) options.min_effect = parse_share("--min-effect", typed.min_effect);
  if (!typed.seed.empty()) options.seed = parse_seed(typed.seed);
  options.report = checked_report(typed);
  if (!typed.reference.empty()) check_reference(options);
  if (options.dry_run && options.is_scan())
    throw lab::usage_error("--dry-run shows the plan of one comparison: give one number of tasks and of workers");
  if (!options.trace.empty()) check_trace(options);
  if (options.dry_run && options.report.format != output_format::table)
    throw lab::usage_error("--dry-run shows a plan for people: leave --format out");
  return options;
}

/// What a file may have defaults for: what is of the user and the machine, rather than of one comparison.
constexpr std::pair<std::string_view, std::string texts::*> configurable[] = {
    {"models", &texts::models}, {"reference", &texts::reference},  {"rounds", &texts::rounds},
    {"warmup", &texts::warmup}, {"budget", &texts::budget},        {"timeout", &texts::timeout},
    {"python", &texts::python}, {"min-effect", &texts::min_effect}};

std::string texts::* member_of(std::string_view key) {
  return std::ranges::find(configurable, key, &std::pair<std::string_view, std::string texts::*>::first)->second;
}

/// As if it were all that is typed: what is wrong with it is wrong in its line, also where something else is typed.
void check_alone(const configured_value& value) {
  texts alone;
  alone.*member_of(value.key) = value.text;
  try {
    checked(alone);
  } catch (const lab::usage_error& error) {
    throw lab::usage_error(fmt::format("{}: {}", value.place, error.what()));
  }
}

std::vector<configured_value> configured_values(const std::string& path) {
  std::vector<std::string> keys;
  for (const auto& [key, member] : configurable) keys.emplace_back(key);
  std::vector<configured_value> values = read_config_file(path, keys);
  std::ranges::for_each(values, check_alone);
  return values;
}

/// With what a file has defaults for and was not typed. An experiment that goes on has its own already, but for the
/// budget, which begins anew.
compare_options with_defaults(texts typed) {
  if (typed.no_config && !typed.config.empty())
    throw lab::usage_error("--config names a file with defaults, and --no-config wants none: leave one of them out");
  const std::string path = typed.config.empty() ? users_config_file() : typed.config;
  std::error_code ignored;
  if (typed.no_config || (typed.config.empty() && !std::filesystem::exists(path, ignored))) return checked(typed);
  checked(typed);  // what is typed is not the file's fault
  std::string used;
  for (const configured_value& value : configured_values(path)) {
    std::string& text = typed.*member_of(value.key);
    if (!text.empty() || (!typed.resume.empty() && value.key != "budget")) continue;
    text = value.text;
    used += fmt::format("{} {} {}", used.empty() ? path + ":" : ",", value.key, value.text);
  }
  try {
    compare_options options = checked(typed);
    options.configured = used;
    return options;
  } catch (const lab::usage_error& error) {
    throw lab::usage_error(fmt::format("{}; defaults are from {}", error.what(), used));
  }
}

/// CLI11 takes "--arg=" for "--arg": what stands after the = is then the next word. In two words it is unmistakable.
std::vector<std::string> with_empty_values_apart(int argc, char** argv) {
  std::vector<std::string> words;
  bool value = false;  // the option before takes one: all do but for these, and --help and --version
  const std::string_view flags[] = {"--strict", "--dry-run", "--peers", "--no-config"};
  for (int i = 1; i < argc; ++i) {
    std::string word = argv[i];
    const bool option = !value && word.starts_with("--") && word.size() > 2;
    value = option && word.find('=') == std::string::npos && std::ranges::find(flags, word) == std::end(flags);
    if (option && word.find('=') + 1 == word.size()) {
      word.pop_back();
      words.push_back(std::move(word));
      word.clear();
    }
    words.push_back(std::move(word));
  }
  return words;
}

/// An empty text is a mistake (`--tasks "$UNSET"`), but for --arg.
void refuse_empty_values(const CLI::App& command) {
  for (const CLI::Option* option : command.get_options())
    if (option->count() > 0 && option->get_name() != "--arg" && option->results().front().empty())
      throw lab::usage_error(fmt::format("{} is empty: give it a value, or leave it out", option->get_name()));
}

cost_host_options checked_cost_host(const texts& typed) {
  cost_host_options options{.id = typed.cost};
  if (!typed.batches.empty()) options.batches = parse_count("--batches", typed.batches, 1, 1000);
  return options;
}

output_format table_or_json(const std::string& text) {
  if (text.empty() || text == "table") return output_format::table;
  if (text == "json") return output_format::json;
  throw lab::usage_error(fmt::format("--format is table or json, not '{}'", text));
}

const std::vector<std::string> commands = {"compare", "explain", "self-test", "costs", "doctor", "completion"};

lab::usage_error no_command(const std::string& word) {
  if (word.empty()) return lab::usage_error("which command? Try fanout compare, or fanout --help");
  std::string hint = "see fanout --help";
  if (const auto meant = nearest(word, commands)) hint = fmt::format("did you mean fanout {}?", *meant);
  if (is_work(word)) hint = fmt::format("did you mean fanout compare {}?", word);
  return lab::usage_error(fmt::format("there is no command '{}'; {}", word, hint));
}

/// "did you mean --tasks? " if there is one in the message that no option has, but one nearly.
std::string option_meant(const std::string& message, const CLI::App& command) {
  const std::size_t begin = message.find(" --");
  if (begin == std::string::npos) return {};
  std::vector<std::string> known;
  for (const CLI::Option* option : command.get_options())
    for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
  const auto meant = nearest(message.substr(begin + 1, message.find_first_of(" =", begin + 1) - begin - 1), known);
  return meant ? fmt::format("did you mean {}? ", *meant) : "";
}

/// CLI11's own message as ours are written.
lab::usage_error in_our_words(const CLI::ParseError& error, const CLI::App& app, const std::string& command) {
  std::string text = error.what();
  if (error.get_name() == "ArgumentMismatch") {
    const std::string option = text.substr(0, text.find(':'));
    const bool missing = text.ends_with("missing");
    return lab::usage_error(option + (missing ? " needs a value" : " is given more than once") + "; see fanout " +
                            command + " --help");
  }
  if (!text.empty()) text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  std::ranges::replace(text, '\n', ' ');
  const bool unexpected = dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr;  // its name is that of the command
  const std::string hint = unexpected ? option_meant(text, *app.get_subcommand(command)) : "";
  return lab::usage_error(text + "; " + hint + "see fanout " + command + " --help");
}

}  // namespace

command parse_command_line(int argc, char** argv) {
  CLI::App app("", "fanout");
  set_help(app, "Fan work out over coroutines, threads or processes; measure which is best, and why.",
           "fanout COMMAND [OPTIONS]", overview);
  app.set_version_flag("--version", "fanout " FANOUT_VERSION, "show the version");
  app.require_subcommand(0, 1);  // the same word again is an argument
  texts typed;
  add_compare(app, typed);
  CLI::App* const explain = add_explain(app, typed);
  CLI::App* const self_test = add_self_test(app, typed);
  CLI::App* const run = add_run_host(app, typed);
  CLI::App* const check = add_check_host(app, typed);
  CLI::App* const costs = add_costs(app, typed);
  CLI::App* const doctor = add_doctor(app, typed);
  CLI::App* const completion = add_completion(app, typed);
  CLI::App* const cost_host = add_cost_host(app, typed);
  CLI::App* const manual = app.add_subcommand("__man")->group("");
  const std::string first = argc > 1 ? argv[1] : "";
  const bool known = std::ranges::find(commands, first) != commands.end();
  if (!first.starts_with('-') && !known && !first.starts_with("__")) throw no_command(first);
  try {
    std::vector<std::string> words = with_empty_values_apart(argc, argv);
    std::ranges::reverse(words);  // as CLI11 wants them
    app.parse(std::move(words));
  } catch (const CLI::CallForHelp&) {
    const auto chosen = app.get_subcommands();
    return show_text{chosen.empty() ? app.help() : chosen.front()->help()};
  } catch (const CLI::CallForVersion&) {
    return show_text{"fanout " FANOUT_VERSION "\n"};
  } catch (const CLI::ParseError& error) {
    throw in_our_words(error, app, known ? first : "compare");
  }
  if (const auto chosen = app.get_subcommands(); !chosen.empty() && known) refuse_empty_values(*chosen.front());
  if (manual->parsed()) return show_text{manual_page(describe(app))};
  if (completion->parsed()) return show_text{completion_script(describe(app), typed.shell)};
  if (cost_host->parsed()) return checked_cost_host(typed);
  if (check->parsed()) return check_host_options{.spec = typed.spec, .args = typed.args};
  if (costs->parsed()) return costs_options{table_or_json(typed.format)};
  if (doctor->parsed()) return doctor_options{table_or_json(typed.format)};
  if (explain->parsed()) return checked_explain(typed);
  if (self_test->parsed()) return checked_self_test(typed);
  if (!run->parsed()) return with_defaults(typed);
  return run_host_options{.spec = typed.spec,
                          .model = typed.model,
                          .args = typed.args,
                          .tasks = parse_count("--tasks", typed.tasks, 1, most_tasks),
                          .workers = parse_count("--workers", typed.workers, 1, most_workers)};
}

}  // namespace cli
