# libelf of elfutils, which brings no CMake package: find_package(libelf) gives libelf::libelf. Installed with fanout's
# own package, whose static library needs it.
find_path(libelf_INCLUDE_DIR libelf.h)
find_library(libelf_LIBRARY elf)
mark_as_advanced(libelf_INCLUDE_DIR libelf_LIBRARY)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(libelf REQUIRED_VARS libelf_LIBRARY libelf_INCLUDE_DIR
                                  REASON_FAILURE_MESSAGE "on Debian it is in the package libelf-dev")

if(libelf_FOUND AND NOT TARGET libelf::libelf)
  add_library(libelf::libelf UNKNOWN IMPORTED)
  set_target_properties(libelf::libelf PROPERTIES IMPORTED_LOCATION "${libelf_LIBRARY}"
                                                  INTERFACE_INCLUDE_DIRECTORIES "${libelf_INCLUDE_DIR}")
endif()
