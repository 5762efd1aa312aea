# What `cmake --install` puts where, for every target of the project: the one place for it.
#
#   bin/fanout                 the tool                                     component fanout_tool
#   lib/fanout/                what the tool needs at run time, found from its own place as ../lib/fanout
#   share/fanout/schema/       what its records are like, for those who read them
#   share/man/, share/*/       its manual page, and completions for bash, zsh and fish
#   lib/python3/dist-packages/fanout/   the Python package, where Debian's python3 looks   component python
#   include/fanout/, lib*/     headers, static library, CMake package,      component fanout_development
#                              fanout.pc
#
# Nothing in it names the prefix: an installed tree may be moved. The Python package, of component python, is installed where it
# is built. cmake/package.cmake makes Debian packages of the components.

include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/fanout)
install(TARGETS fanout EXPORT fanout-targets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT fanout_development)
install(EXPORT fanout-targets NAMESPACE fanout:: DESTINATION ${package_dir} COMPONENT fanout_development)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/fanout DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        COMPONENT fanout_development FILES_MATCHING PATTERN "*.hpp")

# Before 1.0 a minor version may change the face.
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/fanout-config.cmake.in
                              ${PROJECT_BINARY_DIR}/fanout-config.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/fanout-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/fanout-config.cmake ${PROJECT_BINARY_DIR}/fanout-config-version.cmake
              ${CMAKE_CURRENT_LIST_DIR}/Findlibelf.cmake
        DESTINATION ${package_dir} COMPONENT fanout_development)

# pkg-config asks for the prefix as seen from where the file lies.
set(pkgconfig_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH prefix_from_pkgconfig ${CMAKE_INSTALL_PREFIX}/${pkgconfig_dir} ${CMAKE_INSTALL_PREFIX})
configure_file(${CMAKE_CURRENT_LIST_DIR}/fanout.pc.in ${PROJECT_BINARY_DIR}/fanout.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/fanout.pc DESTINATION ${pkgconfig_dir} COMPONENT fanout_development)

if(TARGET fanout_cli)
  install(FILES ${PROJECT_SOURCE_DIR}/schema/fanout-result-1.json ${PROJECT_SOURCE_DIR}/schema/fanout-costs-1.json
          DESTINATION ${CMAKE_INSTALL_DATADIR}/fanout/schema COMPONENT fanout_tool)
  foreach(folder bash-completion zsh fish)
    install(DIRECTORY ${PROJECT_BINARY_DIR}/share/${folder} DESTINATION ${CMAKE_INSTALL_DATADIR} COMPONENT fanout_tool)
  endforeach()
  install(DIRECTORY ${PROJECT_BINARY_DIR}/share/man/man1 DESTINATION ${CMAKE_INSTALL_MANDIR} COMPONENT fanout_tool)
  install(TARGETS fanout_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT fanout_tool)
  # What is linked is installed as a target, which can be stripped; the rest of the folder as it lies there.
  install(DIRECTORY ${PROJECT_BINARY_DIR}/lib/fanout DESTINATION lib COMPONENT fanout_tool USE_SOURCE_PERMISSIONS
          PATTERN "fanout-worker" EXCLUDE PATTERN "_fanout.abi3.so" EXCLUDE PATTERN "libfanout_gil.so" EXCLUDE)
  install(TARGETS fanout_worker RUNTIME DESTINATION lib/fanout COMPONENT fanout_tool)
  if(TARGET fanout_python)
    install(TARGETS fanout_python fanout_gil LIBRARY DESTINATION lib/fanout COMPONENT fanout_tool)
  endif()
endif()

if(TARGET fanout_package)
  set(packages ${PROJECT_BINARY_DIR}/lib/python3/dist-packages)
  install(DIRECTORY ${packages}/fanout ${packages}/fanout-${PROJECT_VERSION}.dist-info DESTINATION lib/python3/dist-packages
          COMPONENT python USE_SOURCE_PERMISSIONS PATTERN "_fanout.abi3.so" EXCLUDE)
  install(TARGETS fanout_python LIBRARY DESTINATION lib/python3/dist-packages/fanout COMPONENT python)
endif()

if(PROJECT_IS_TOP_LEVEL)
  include(${CMAKE_CURRENT_LIST_DIR}/package.cmake)
endif()
