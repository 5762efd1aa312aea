// SPDX-License-Identifier: Apache-2.0
// A program whose main is not ours, as a Python interpreter is: it knows of fanout only by loading a module.
#include <dlfcn.h>
#include <stdio.h>

int main(int argc, char** argv) {
  void* const module = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  int (*const run)(int, char**) = module != NULL ? (int (*)(int, char**))dlsym(module, "run") : NULL;
  if (run == NULL) {
    fprintf(stderr, "%s\n", dlerror());
    return 70;
  }
  return run(argc, argv);
}
