# Debian packages of what cmake/install.cmake installs, by cpack; scripts/package configures for the prefix /usr, and runs it:
#
#   fanout           the tool, with what it needs of lib/fanout        component fanout_tool
#   libfanout-dev    the library, for those who build with it          component fanout_development
#   python3-fanout   the Python package                                component python
#
# Each has what its component has; cmake/debian/finish.cmake does to that what Debian wants in every package. The version is the project's.

set(CPACK_GENERATOR DEB)
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_PACKAGE_VENDOR fanout)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "")  # each package has its own
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_LIST_DIR}/debian/finish.cmake)
set(CPACK_FANOUT_COPYRIGHT ${CMAKE_CURRENT_LIST_DIR}/debian/copyright)

# Debian's tools know who makes a package from DEBFULLNAME and DEBEMAIL.
set(CPACK_PACKAGE_CONTACT "fanout maintainers <fanout@packages.debian.org>")
if(DEFINED ENV{DEBEMAIL})
  set(CPACK_PACKAGE_CONTACT "$ENV{DEBFULLNAME} <$ENV{DEBEMAIL}>")
endif()

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)

# fanout_debian_package(COMPONENT PACKAGE SECTION ABOUT): none if nothing is installed with that component. What else there is to
# say of it goes into CPACK_DEBIAN_<COMPONENT>_…
get_cmake_property(installed_components COMPONENTS)
set(CPACK_COMPONENTS_ALL "")
macro(fanout_debian_package component package section about)
  string(TOUPPER ${component} component_key)
  if(${component} IN_LIST installed_components)
    list(APPEND CPACK_COMPONENTS_ALL ${component})
  endif()
  set(CPACK_DEBIAN_${component_key}_PACKAGE_NAME ${package})
  set(CPACK_DEBIAN_${component_key}_PACKAGE_SECTION ${section})
  set(CPACK_COMPONENT_${component_key}_DESCRIPTION "${about}")
endmacro()

# fanout_has_python(COMPONENT FOLDER [ARGUMENTS]): a folder of modules, to be compiled where they are installed, by Debian's py3compile
# with these arguments: the folder, if it is not one where Python looks by itself.
function(fanout_has_python component folder)
  string(TOUPPER ${component} component_key)
  set(package ${CPACK_DEBIAN_${component_key}_PACKAGE_NAME})
  list(JOIN ARGN " " arguments)
  set(scripts "")
  foreach(script postinst prerm)
    configure_file(${CMAKE_CURRENT_LIST_DIR}/debian/bytecode/${script}.in ${PROJECT_BINARY_DIR}/debian/${component}/${script} @ONLY)
    list(APPEND scripts ${PROJECT_BINARY_DIR}/debian/${component}/${script})
  endforeach()
  set(CPACK_DEBIAN_${component_key}_PACKAGE_CONTROL_EXTRA ${scripts} PARENT_SCOPE)
  set(CPACK_DEBIAN_${component_key}_PACKAGE_CONTROL_STRICT_PERMISSION ON PARENT_SCOPE)
endfunction()

fanout_debian_package(fanout_tool fanout devel
  "find out which concurrency model is best for a task
Runs work of yours one after another, as coroutines, in threads and in
processes, each time in a fresh process, and says which is best, by what
factor, how sure that is, and why. The work may be a Python function, which
runs in your own interpreter.
.
fanout costs measures what switches, threads and processes cost here;
fanout doctor says what this machine offers.")
set(CPACK_DEBIAN_FANOUT_TOOL_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_FANOUT_TOOL_PACKAGE_RECOMMENDS "python3 (>= 3.11)")
fanout_has_python(fanout_tool /usr/lib/fanout/fanout_host /usr/lib/fanout/fanout_host)

fanout_debian_package(fanout_development libfanout-dev libdevel
  "coroutines, thread pools and process pools for C++23
One interface for work on an event loop, on threads or in processes:
submit, map, gather. A task that crashes its process fails alone, and says
where.
.
This package has the headers, the static library, a CMake package and a file
for pkg-config.")
set(CPACK_DEBIAN_FANOUT_DEVELOPMENT_PACKAGE_DEPENDS "libboost1.81-dev | libboost-dev (>= 1.81), libcereal-dev, libelf-dev")

fanout_debian_package(python python3-fanout python
  "thread pools and process pools for Python, in C++
The pools and meters of fanout, for the interpreter that you have.")
set(CPACK_DEBIAN_PYTHON_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PYTHON_PACKAGE_DEPENDS "python3 (>= 3.11)")
set(CPACK_DEBIAN_PYTHON_PACKAGE_RECOMMENDS "python3-cloudpickle, fanout")
fanout_has_python(python /usr/lib/python3/dist-packages/fanout)

include(CPack)
