// SPDX-License-Identifier: Apache-2.0
// Each rule on records where it holds, and on such where it must not.
#include "lab/diagnosis.hpp"

#include <gtest/gtest.h>

#include "tests/lab/sample_record.hpp"
#include "tests/lab/timed_record.hpp"

namespace {

using rules = std::vector<std::string>;

lab::diagnosis diagnosed(const lab::record& experiment) { return lab::diagnose(experiment, lab::analyse(experiment)); }

rules why(const lab::record& experiment) {
  rules ids;
  for (const lab::finding& one : diagnosed(experiment).why) ids.push_back(one.rule);
  return ids;
}

rules cautions(const lab::record& experiment) {
  rules ids;
  for (const lab::finding& one : diagnosed(experiment).cautions) ids.push_back(one.rule);
  return ids;
}

std::string text_of(const lab::record& experiment, const std::string& rule) {
  const lab::diagnosis found = diagnosed(experiment);
  for (const auto* list : {&found.why, &found.cautions})
    for (const lab::finding& one : *list)
      if (one.rule == rule) return one.text;
  return "";
}

bool holds(const lab::record& experiment, const std::string& rule) { return !text_of(experiment, rule).empty(); }

lab::record computing() {
  return timed_record(2, 2, {serial_computing(), async_computing(), threads_computing(), processes_computing()});
}
lab::record waiting() { return timed_record(2, 2, {serial_waiting(), async_waiting(), threads_waiting()}); }
lab::record at_a_lock() { return timed_record(2, 2, {serial_computing(), threads_at_a_lock(), processes_computing()}); }
lab::record at_the_gil() {
  timed_model threads = threads_at_a_lock();
  threads.also = [](lab::run_record& run) { run.gil = {.unavailable = "no meter"}; };
  return python(timed_record(2, 2, {serial_computing(), threads, processes_computing()}));
}

TEST(Diagnosis, CpuBound) {
  EXPECT_EQ(why(computing()), (rules{"cpu_bound", "blocks_loop"}));
  EXPECT_EQ(text_of(computing(), "cpu_bound"), "the work is CPU-bound: run alone, it computes for 100 % of its time");
  EXPECT_FALSE(holds(waiting(), "cpu_bound"));
}

TEST(Diagnosis, CpuBoundAlsoWhereOthersTookTheCpu) {
  EXPECT_TRUE(holds(timed_record(1, 1, {{"serial", 2, {ran(0, 2)}, {used(0.5, 1.5)}}}), "cpu_bound"));
}

TEST(Diagnosis, Waits) {
  EXPECT_EQ(why(waiting()), rules{"waits"});
  EXPECT_EQ(text_of(waiting(), "waits"), "the work waits: run alone, it computes for less than 1 % of its time");
  EXPECT_FALSE(holds(computing(), "waits"));
}

TEST(Diagnosis, Mixed) {
  EXPECT_TRUE(holds(timed_record(2, 2, {{"serial", 2, {ran(0, 1), ran(1, 2)}, {used(0.9)}}}), "mixed"));
  EXPECT_FALSE(holds(computing(), "mixed"));
  EXPECT_FALSE(holds(waiting(), "mixed"));
}

TEST(Diagnosis, TheGilWhereItCannotBeToldApart) {
  EXPECT_EQ(why(at_the_gil()), (rules{"cpu_bound", "gil"}));
  EXPECT_EQ(text_of(at_the_gil(), "gil"),
            "the GIL serialises it: threads were blocked for 49 % of their workers' time, which the same tasks are not "
            "when they run alone, and kept 0.98 of 2 CPUs busy; processes reach 1.91×");
}

TEST(Diagnosis, TheGilWhereItIsMeasured) {
  timed_model threads = threads_at_a_lock();
  for (lab::worker_report& worker : threads.workers) worker.gil_s = 0.95;
  const auto measured = python(timed_record(2, 2, {serial_computing(), threads, processes_computing()}));
  EXPECT_NE(text_of(measured, "gil").find("threads waited for it for 47 % of their workers' time"), std::string::npos)
      << text_of(measured, "gil");
  for (lab::worker_report& worker : threads.workers) worker.gil_s = 0.01;
  EXPECT_FALSE(holds(python(timed_record(2, 2, {serial_computing(), threads, processes_computing()})), "gil"));
}

TEST(Diagnosis, NoGilWithoutPythonNorWhereThreadsAreFasterNorWhereTheMachineIsBusy) {
  EXPECT_FALSE(holds(at_a_lock(), "gil"));
  EXPECT_FALSE(holds(python(computing()), "gil"));
  timed_model threads = threads_at_a_lock();
  threads.workers = {used(1.0, 0.9), used(1.0, 0.9)};
  threads.also = [](lab::run_record& run) { run.gil = {.unavailable = "no meter"}; };
  EXPECT_FALSE(holds(python(timed_record(2, 2, {serial_computing(), threads, processes_computing()})), "gil"));
}

TEST(Diagnosis, ReleasesTheGil) {
  EXPECT_TRUE(holds(python(computing()), "releases_gil"));
  EXPECT_FALSE(holds(computing(), "releases_gil"));
  EXPECT_FALSE(holds(at_the_gil(), "releases_gil"));
  EXPECT_EQ(
      text_of(python(computing()), "releases_gil"),
      "it releases the GIL while it computes, as C extensions can (or this interpreter has none): threads kept "
      "1.93 of 2 CPUs busy, waited for it for less than 1 % of their workers' time, and are 1.96 times as fast as "
      "serial");
}

TEST(Diagnosis, ReleasesTheGilAlsoWhereWaitsForItAreNotKnown) {
  timed_model threads = threads_computing();
  threads.also = [](lab::run_record& run) { run.gil = {.unavailable = "no meter"}; };
  EXPECT_NE(text_of(python(timed_record(2, 2, {serial_computing(), threads})), "releases_gil")
                .find("threads kept 1.93 of 2 CPUs busy, and are"),
            std::string::npos);
}

TEST(Diagnosis, AFasterMachineForTwoThreadsIsNotAReleasedGil) {
  // On a busy machine two threads get more of it than one: they are faster, but never is more than one of them at work.
  timed_model threads{"threads", 1.2, {ran(0, 1.1, 0), ran(0, 1.2, 1)}, {used(0.5, 0.5), used(0.5, 0.5)}};
  EXPECT_FALSE(holds(python(timed_record(2, 2, {serial_computing(), threads})), "releases_gil"));
}

TEST(Diagnosis, ABusyMachineDoesNotHideThatNobodyWaitsForTheGil) {
  timed_model threads{"threads", 2.0, {ran(0, 2, 0), ran(0, 2, 1)}, {used(0.5, 1.4), used(0.5, 1.4)}};
  const auto with_gil = [&](double waited_s) {
    threads.also = [=](lab::run_record& run) {
      run.gil = {.wait_s = waited_s, .waits = 9, .max_wait_s = 0.005, .method = "each wait"};
      run.workers[0].gil_s = waited_s;
    };
    return python(timed_record(2, 2, {serial_computing(), threads}));
  };
  EXPECT_NE(text_of(with_gil(0.001), "releases_gil").find("kept 0.50 of 2 CPUs busy, waited for it for less than 1 %"),
            std::string::npos)
      << text_of(with_gil(0.001), "releases_gil");
  EXPECT_FALSE(holds(with_gil(0.1), "releases_gil"));
  threads.tasks = {ran(0, 1, 0), ran(1, 2, 1)};  // never at the same time
  EXPECT_FALSE(holds(with_gil(0.001), "releases_gil"));
}

TEST(Diagnosis, ALock) {
  EXPECT_EQ(why(at_a_lock()), (rules{"cpu_bound", "lock"}));
  EXPECT_EQ(text_of(at_a_lock(), "lock"),
            "a lock, or something else that only one can have, serialises it: threads were blocked for 49 % of their "
            "workers' time and kept 0.98 of 2 CPUs busy; processes reach 1.91×");
  EXPECT_FALSE(holds(computing(), "lock"));
}

TEST(Diagnosis, WhatProcessesDoNotGainFromIsNoLockOfThreads) {
  timed_model processes = processes_computing();
  processes.wall_s = 2.0;
  EXPECT_FALSE(holds(timed_record(2, 2, {serial_computing(), threads_at_a_lock(), processes}), "lock"));
}

TEST(Diagnosis, MemoryBandwidth) {
  timed_model threads = threads_computing();
  threads.wall_s = 1.82;
  threads.tasks = {ran(0.01, 1.8, 0), ran(0.01, 1.82, 1)};
  threads.workers = {used(1.78), used(1.8)};
  const auto experiment = timed_record(2, 2, {serial_computing(), threads});
  EXPECT_EQ(why(experiment), (rules{"cpu_bound", "memory_bandwidth"}));
  EXPECT_NE(text_of(experiment, "memory_bandwidth").find("takes 1.80 times the CPU time under threads"),
            std::string::npos)
      << text_of(experiment, "memory_bandwidth");
  EXPECT_FALSE(holds(computing(), "memory_bandwidth"));
  EXPECT_FALSE(holds(at_a_lock(), "memory_bandwidth"));
}

TEST(Diagnosis, ABlockedLoop) {
  const auto experiment = timed_record(2, 2, {serial_waiting(), async_blocked(), threads_waiting()});
  EXPECT_EQ(text_of(experiment, "blocks_loop"),
            "a blocking call blocks the event loop: nothing else ran for up to 1.990 s; await something that does not "
            "block, or hand it to a thread");
  EXPECT_EQ(text_of(computing(), "blocks_loop"), "computing blocks the event loop: nothing else ran for up to 1.990 s");
  EXPECT_FALSE(holds(waiting(), "blocks_loop"));
  timed_model late = async_waiting();  // but not blocked
  late.also = [](lab::run_record& run) { run.max_lag_s = 0.9; };
  EXPECT_FALSE(holds(timed_record(2, 2, {late, threads_waiting()}), "blocks_loop"));
  EXPECT_TRUE(holds(timed_record(2, 2, {async_blocked(), threads_waiting()}), "blocks_loop"));
}

/// A thousand tasks that wait for 0.1 s each, begun one after another for so long.
timed_model a_thousand_waits(const std::string& model, double begun_s, std::uint64_t bytes) {
  timed_model made{model, begun_s + 0.1, {}, {}, [=](lab::run_record& run) { run.pss_peak_bytes = bytes; }};
  for (unsigned i = 0; i < 1000; ++i) {
    const double start_s = begun_s * (i + 1) / 1000;
    made.tasks.push_back(ran(start_s, start_s + 0.1, model == "async" ? 0 : i));
    if (model != "async" || i == 0) made.workers.push_back(used(0.0001));
  }
  return made;
}

TEST(Diagnosis, WaitingIsCheaperInCoroutinesThanInThreads) {
  const timed_model async = a_thousand_waits("async", 0.01, 20'000'000);
  const auto experiment = timed_record(1000, 1000, {async, a_thousand_waits("threads", 0.08, 60'000'000)});
  EXPECT_EQ(why(experiment), rules{"cheap_waits"});
  EXPECT_EQ(
      text_of(experiment, "cheap_waits"),
      "1000 tasks that wait at the same time cost coroutines 20.0 MB and 10.00 ms until all were under way, threads "
      "60.0 MB and 80.00 ms");
  EXPECT_FALSE(holds(timed_record(1000, 1000, {async, a_thousand_waits("threads", 0.01, 20'000'000)}), "cheap_waits"));
  EXPECT_FALSE(holds(timed_record(1000, 32, {async, a_thousand_waits("threads", 0.08, 60'000'000)}), "cheap_waits"));
  timed_model blocked = async;
  blocked.tasks[0].end_s = 0.001;
  EXPECT_FALSE(
      holds(timed_record(1000, 1000, {blocked, a_thousand_waits("threads", 0.08, 60'000'000)}), "cheap_waits"));
  EXPECT_FALSE(holds(computing(), "cheap_waits"));
}

lab::record eight_on_two(double runq_s) {
  timed_model serial{"serial", 8, {}, {used(7.99, 0, 0)}}, threads{"threads", 4, {}, {}};
  for (unsigned i = 0; i < 8; ++i) {
    serial.tasks.push_back(ran(i, i + 1));
    threads.tasks.push_back(ran(0.01, 4, i));
    threads.workers.push_back(used(1, runq_s));
  }
  return timed_record(8, 8, {serial, threads});
}

TEST(Diagnosis, MoreWorkersThanCpus) {
  EXPECT_EQ(
      text_of(eight_on_two(2.9), "more_workers_than_cpus"),
      "there are more workers that compute (8) than CPUs (2): under threads they waited for a CPU for 72 % of their "
      "time");
  EXPECT_FALSE(holds(eight_on_two(0.1), "more_workers_than_cpus"));
  EXPECT_FALSE(holds(computing(), "more_workers_than_cpus"));
}

TEST(Diagnosis, OneCpu) {
  EXPECT_TRUE(holds(timed_record(2, 2, {serial_computing()}, 1), "one_cpu"));
  EXPECT_FALSE(holds(timed_record(2, 2, {serial_waiting()}, 1), "one_cpu"));
  EXPECT_FALSE(holds(computing(), "one_cpu"));
}

TEST(Diagnosis, StartUpThatEatsTheGain) {
  timed_model processes{"processes", 0.1, {ran(0.05, 0.1, 0), ran(0.05, 0.1, 1)}, {used(0.05), used(0.05)}};
  const auto experiment =
      timed_record(2, 2, {{"serial", 0.1, {ran(0, 0.05), ran(0.05, 0.1)}, {used(0.1, 0, 0)}}, processes});
  EXPECT_EQ(
      text_of(experiment, "start_up"),
      "starting workers eats what they gain: it took processes 50.00 ms (50 % of it all); bigger tasks, or a pool "
      "that is kept, make it pay");
  EXPECT_FALSE(holds(computing(), "start_up"));
}

timed_model processes_that_ship(std::uint64_t bytes) {
  return {"processes", 0.5, {ran(0.2, 0.22, 0), ran(0.21, 0.23, 1)}, {used(0.3), used(0.3)}, [=](lab::run_record& run) {
            run.shipped_bytes = bytes;
          }};
}

TEST(Diagnosis, Shipping) {
  const timed_model serial{"serial", 0.04, {ran(0, 0.02), ran(0.02, 0.04)}, {used(0.04, 0, 0)}};
  EXPECT_NE(text_of(timed_record(2, 2, {serial, processes_that_ship(200'000'000)}), "shipping").find("200 MB"),
            std::string::npos);
  EXPECT_FALSE(holds(timed_record(2, 2, {serial, processes_that_ship(2'000)}), "shipping"));
  timed_model slow_serial = serial_computing();
  EXPECT_FALSE(holds(timed_record(2, 2, {slow_serial, processes_that_ship(200'000'000)}), "shipping"));
}

TEST(Diagnosis, TinyTasks) {
  timed_model serial{"serial", 0.002, {}, {used(0.002, 0, 0)}},
      threads{"threads", 0.01, {}, {used(0.009), used(0.009)}};
  for (unsigned i = 0; i < 100; ++i) {
    serial.tasks.push_back(ran(i * 1e-5, i * 1e-5 + 1e-6));
    threads.tasks.push_back(ran(i * 1e-4, i * 1e-4 + 1e-6, i % 2));
  }
  const auto experiment = timed_record(100, 2, {serial, threads});
  EXPECT_NE(text_of(experiment, "tiny_tasks").find("the tasks are tiny: one takes 1.000 µs"), std::string::npos)
      << text_of(experiment, "tiny_tasks");
  EXPECT_FALSE(holds(computing(), "tiny_tasks"));
}

TEST(Diagnosis, OneLongTask) {
  timed_model serial{"serial", 1.2, {ran(0, 1), ran(1, 1.1), ran(1.1, 1.2)}, {used(1.2, 0, 0)}};
  timed_model threads{
      "threads", 1.01, {ran(0.01, 1.01, 0), ran(0.01, 0.11, 1), ran(0.11, 0.21, 1)}, {used(1), used(0.2)}};
  const auto experiment = timed_record(3, 2, {serial, threads});
  EXPECT_EQ(why(experiment), (rules{"cpu_bound", "long_task"}));
  EXPECT_NE(text_of(experiment, "long_task").find("it takes 1.000 s, the others 100.00 ms on average"),
            std::string::npos)
      << text_of(experiment, "long_task");
  EXPECT_FALSE(holds(computing(), "long_task"));
}

TEST(Diagnosis, TooFewTasks) {
  const timed_model one{"serial", 1, {ran(0, 1)}, {used(1, 0, 0)}};
  EXPECT_EQ(text_of(timed_record(1, 1, {one}), "too_few_tasks"), "there is one task: nothing can run beside it");
  EXPECT_EQ(text_of(timed_record(2, 2, {serial_computing()}, 4), "too_few_tasks"),
            "there are fewer tasks (2) than CPUs (4)");
  EXPECT_FALSE(holds(timed_record(2, 2, {serial_waiting()}, 4), "too_few_tasks"));
  EXPECT_FALSE(holds(computing(), "too_few_tasks"));
}

TEST(Diagnosis, ResultsThatDifferAreAllThereIsToSay) {
  lab::record differing = computing();
  differing.runs.back().tasks[0].value = 1;
  const lab::diagnosis found = diagnosed(differing);
  EXPECT_EQ(why(differing), rules{"results_differ"});
  EXPECT_TRUE(found.cautions.empty());
  EXPECT_FALSE(found.best_possible);
  EXPECT_EQ(found.advice, "");
}

TEST(Diagnosis, CautionsOfTheMachine) {
  lab::record busy = computing();
  EXPECT_EQ(cautions(busy), rules{});
  busy.conditions.resize(5);
  busy.conditions[1] = {.others = 0.4};
  EXPECT_EQ(cautions(busy), rules{"disturbed"});
  for (lab::run_record& run : busy.runs)
    if (run.model == "serial") run.workers[0] = used(1.0, 0.99, 0);
  EXPECT_EQ(cautions(busy), (rules{"disturbed", "busy_machine"}));
}

TEST(Diagnosis, CautionsOfTheMeters) {
  lab::record experiment = computing();
  for (lab::run_record& run : experiment.runs) {
    if (run.model == "processes") run.pss_samples = 0;
    if (run.model == "serial") run.workers[0] = used(2.5, 0, 0);
  }
  EXPECT_EQ(cautions(experiment), (rules{"memory_not_sampled", "does_not_add_up"}));
}

TEST(Diagnosis, WhatIsPossibleIsTheLongestTaskOrAllCpusAtWork) {
  EXPECT_NEAR(diagnosed(computing()).best_possible.value().speedup, 2.0, 0.01);
  EXPECT_NEAR(diagnosed(computing()).best_possible.value().reached, 1.96, 0.01);
  EXPECT_EQ(diagnosed(computing()).best_possible.value().model, "threads");
  EXPECT_NEAR(diagnosed(waiting()).best_possible.value().speedup, 2.0, 0.01);
  EXPECT_NEAR(diagnosed(eight_on_two(2.9)).best_possible.value().speedup, 2.0, 0.01);
  timed_model uneven{"serial", 1.2, {ran(0, 1), ran(1, 1.1), ran(1.1, 1.2)}, {used(1.2, 0, 0)}};
  EXPECT_NEAR(diagnosed(timed_record(3, 2, {uneven})).best_possible.value().speedup, 1.2, 0.01);
}

lab::record against(const std::string& reference, lab::record made) {
  made.reference = reference;
  return made;
}

TEST(Diagnosis, WhatIsPossibleIsRelativeToTheReference) {
  const auto best = diagnosed(against("processes", computing())).best_possible.value();
  EXPECT_NEAR(best.speedup, 2.0 / 1.905, 0.02);
  EXPECT_NEAR(best.reached, 1.05 / 1.02, 0.01);
  EXPECT_EQ(best.model, "threads");
  EXPECT_EQ(lab::best_possible_in_words(best),
            "1.05× the speed of processes is possible on 2 CPUs; threads reached 1.03×");
  const auto over_serial = diagnosed(against("serial", computing())).best_possible.value();
  EXPECT_EQ(lab::best_possible_in_words(over_serial),
            lab::best_possible_in_words(*diagnosed(computing()).best_possible));
}

TEST(Diagnosis, AdviceWithAReferenceIsWhatIsShownToBeFasterThanThat) {
  EXPECT_EQ(diagnosed(against("serial", timed_record(2, 2, {serial_computing(), threads_computing()}))).advice,
            "rather than serial, use threads with 2 workers, one for each CPU");
  EXPECT_EQ(
      diagnosed(against("serial", computing())).advice,
      "rather than serial, use threads with 2 workers, one for each CPU; processes is faster than serial, too, and was "
      "not compared with threads");
  EXPECT_EQ(diagnosed(against("async", timed_record(2, 2, {serial_computing(), async_computing()}))).advice,
            "stay with async: nothing is faster");
  lab::record open = against("serial", timed_record(2, 2, {serial_computing(), threads_computing()}));
  for (lab::run_record& run : open.runs)
    if (run.model == "threads" && run.round % 2 == 0) run.wall_s *= 2;
  EXPECT_EQ(diagnosed(open).advice, "");
}

TEST(Diagnosis, AdviceNamesTheModelAndItsWorkers) {
  EXPECT_EQ(diagnosed(computing()).advice,
            "use threads with 2 workers, one for each CPU; whether processes is faster is undecided");
  EXPECT_EQ(diagnosed(at_the_gil()).advice, "use processes with 2 workers, one for each CPU");
  EXPECT_EQ(diagnosed(eight_on_two(2.9)).advice, "use threads with 2 workers, one for each CPU");
  EXPECT_EQ(diagnosed(timed_record(2, 2, {serial_waiting(), threads_waiting()})).advice,
            "use threads with as many workers as tasks are to wait at the same time, here 2");
}

TEST(Diagnosis, AdvisesNotWhatTakesLessMemoryAndIsOnlyUndecided) {
  lab::record made = timed_record(2, 2, {serial_computing(), async_computing(), processes_computing()});
  for (lab::run_record& run : made.runs) {
    run.vmhwm_bytes = run.pss_peak_bytes = run.model == "async" ? 1'000'000 : 6'000'000;
    if (run.model == "async") run.wall_s = run.round % 2 == 0 ? 0.9 : 3.5;
  }
  const std::string advice = diagnosed(made).advice;
  EXPECT_TRUE(advice.starts_with("use processes")) << advice;
  EXPECT_NE(advice.find("whether async is faster is undecided"), std::string::npos) << advice;
}

TEST(Diagnosis, AdviceAmongEqualsIsTheSimplestOrTheSmallest) {
  EXPECT_EQ(diagnosed(timed_record(2, 2, {serial_computing(), async_computing()})).advice,
            "run the tasks one after another: nothing is faster, and nothing is simpler");
  timed_model large = threads_waiting();
  large.also = [](lab::run_record& run) { run.pss_peak_bytes = 60'000'000; };
  EXPECT_EQ(diagnosed(timed_record(2, 2, {serial_waiting(), async_waiting(), large})).advice,
            "use async; threads is as fast, and takes more memory");
  EXPECT_EQ(diagnosed(waiting()).advice, "use async; threads is as fast");
  lab::record open = timed_record(2, 2, {serial_computing(), threads_computing()});
  for (lab::run_record& run : open.runs)
    if (run.model == "threads" && run.round % 2 == 0) run.wall_s *= 2;
  EXPECT_EQ(diagnosed(open).advice, "");
}

timed_model named(timed_model of, std::string model) {
  of.model = std::move(model);
  return of;
}

TEST(Diagnosis, AdvisesOursWherePeersOfItsKindAreAsFast) {
  timed_model small = named(threads_computing(), "ThreadPoolExecutor");
  small.also = [](lab::run_record& run) { run.pss_peak_bytes = 5'100'000; };
  EXPECT_EQ(diagnosed(timed_record(2, 2, {serial_computing(), threads_computing(), small})).advice,
            "use threads with 2 workers, one for each CPU; ThreadPoolExecutor is as fast");
  EXPECT_EQ(diagnosed(timed_record(2, 2, {serial_computing(), small})).advice,
            "use ThreadPoolExecutor with 2 workers, one for each CPU");
  timed_model slow = threads_computing();
  slow.wall_s = 1.3;
  EXPECT_EQ(diagnosed(timed_record(2, 2, {serial_computing(), slow, small})).advice,
            "use ThreadPoolExecutor with 2 workers, one for each CPU");
}

TEST(Diagnosis, RulesHoldOfPeersAndVariantsToo) {
  timed_model threads = named(threads_at_a_lock(), "to_thread");
  for (lab::worker_report& worker : threads.workers) worker.gil_s = 0.95;
  const lab::record made =
      python(timed_record(2, 2, {serial_computing(), threads, named(processes_computing(), "multiprocessing.Pool")}));
  EXPECT_EQ(why(made), (rules{"cpu_bound", "gil"}));
  EXPECT_EQ(diagnosed(made).why.back().models, rules{"to_thread"});
}

TEST(Diagnosis, NothingIsSaidOfARecordWithoutTheseMeters) {
  EXPECT_EQ(why(sample_record()), rules{});
  EXPECT_EQ(diagnosed(sample_record()).advice, "");
  EXPECT_FALSE(diagnosed(sample_record()).best_possible);
}

TEST(Diagnosis, IsInTheRecordWithItsEvidence) {
  const nlohmann::json all = lab::to_json(at_the_gil());
  ASSERT_EQ(all.at("why").size(), 2U);
  EXPECT_EQ(all["why"][1].at("rule"), "gil");
  EXPECT_NEAR(all["why"][1].at("evidence").at("blocked_share"), 0.49, 0.01);
  EXPECT_EQ(all["why"][1]["evidence"].at("separable"), false);
  EXPECT_NEAR(all.at("best_possible").at("speedup"), 2.0, 0.01);
  EXPECT_EQ(all.at("advice"), "use processes with 2 workers, one for each CPU");
  for (const auto& model : all.at("summary"))
    if (model.at("model") == "threads") EXPECT_EQ(model.at("diagnosis"), nlohmann::json{"gil"});
}

}  // namespace
