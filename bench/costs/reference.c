// SPDX-License-Identifier: Apache-2.0
// The same costs as `fanout costs` measures, by the shortest program that can: nothing of fanout is in it. Prints
// figures per operation: seconds, or bytes.
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int to[2], from[2];
enum { rounds = 20000, threads = 200 };

static void* answer(void* nothing) {
  char byte;
  for (int i = 0; i < rounds; ++i)
    if (read(to[0], &byte, 1) != 1 || write(from[1], &byte, 1) != 1) abort();
  return nothing;
}

/// Two threads on one CPU and two pipes, less what one thread needs for as many reads and writes.
static double switch_threads(void) {
  cpu_set_t before, one;
  sched_getaffinity(0, sizeof before, &before);
  CPU_ZERO(&one);
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &before)) {
      CPU_SET(cpu, &one);
      break;
    }
  sched_setaffinity(0, sizeof one, &one);
  if (pipe(to) != 0 || pipe(from) != 0) abort();
  pthread_t partner;
  char byte = 0;
  pthread_create(&partner, NULL, answer, NULL);
  double began = now();
  for (int i = 0; i < rounds; ++i)
    if (write(to[1], &byte, 1) != 1 || read(from[0], &byte, 1) != 1) abort();
  const double both = now() - began;
  pthread_join(partner, NULL);
  began = now();
  for (int i = 0; i < 2 * rounds; ++i)
    if (write(to[1], &byte, 1) != 1 || read(to[0], &byte, 1) != 1) abort();
  return (both - (now() - began)) / (2 * rounds);
}

static void* nothing(void* given) { return given; }

static double start_thread(void) {
  pthread_t thread;
  const double began = now();
  for (int i = 0; i < 2000; ++i) {
    if (pthread_create(&thread, NULL, nothing, NULL) != 0) abort();
    pthread_join(thread, NULL);
  }
  return (now() - began) / 2000;
}

static double start_spawn(void) {
  char name[] = "true";
  char* arguments[] = {name, NULL};
  const double began = now();
  for (int i = 0; i < 150; ++i) {
    pid_t child;
    if (posix_spawn(&child, "/bin/true", NULL, NULL, arguments, environ) != 0) abort();
    waitpid(child, NULL, 0);
  }
  return (now() - began) / 150;
}

/// The number after `name` in a file of /proc, in bytes.
static double kilobytes_of(const char* file, const char* name) {
  char line[256];
  double found = 0;
  FILE* in = fopen(file, "r");
  while (in != NULL && fgets(line, sizeof line, in) != NULL)
    if (strncmp(line, name, strlen(name)) == 0) found = 1024 * strtod(line + strlen(name), NULL);
  if (in != NULL) fclose(in);
  return found;
}

static void* wait_for_ever(void* given) {
  pause();
  return given;
}

static double grown(const char* file, const char* name) {
  pthread_t thread;
  for (int i = 0; i < 10; ++i) pthread_create(&thread, NULL, wait_for_ever, NULL);
  sleep(1);
  const double before = kilobytes_of(file, name);
  for (int i = 0; i < threads; ++i)
    if (pthread_create(&thread, NULL, wait_for_ever, NULL) != 0) abort();
  sleep(1);  // all of them wait
  return (kilobytes_of(file, name) - before) / threads;
}

int main(int argc, char** argv) {
  const char* what = argc == 2 ? argv[1] : "";
  double found = 0;
  if (strcmp(what, "switch.threads.pipe") == 0)
    found = switch_threads();
  else if (strcmp(what, "start.thread.warm") == 0)
    found = start_thread();
  else if (strcmp(what, "start.spawn") == 0)
    found = start_spawn();
  else if (strcmp(what, "memory.thread.reserved") == 0)
    found = grown("/proc/self/status", "VmSize:");
  else if (strcmp(what, "memory.thread.touched") == 0)
    found = grown("/proc/self/smaps_rollup", "Pss:");
  else
    return 2;
  printf("%.9g\n", found);
  return 0;
}
