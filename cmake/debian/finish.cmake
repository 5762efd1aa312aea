# Run by cpack on what it is about to pack: adds what Debian wants in every package, its copyright and the changelog of the package,
# compresses manual pages, and puts the completion for zsh where Debian's zsh looks, as `cmake --install` does not. Bytecode is
# made when the package is installed, by the Python that is there (bytecode/).

if(NOT CPACK_GENERATOR STREQUAL "DEB")
  return()
endif()

function(compress file)
  execute_process(COMMAND gzip --best --no-name --force ${file} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

string(TIMESTAMP now "%a, %d %b %Y %H:%M:%S +0000" UTC)  # SOURCE_DATE_EPOCH, where it is set
foreach(component IN LISTS CPACK_COMPONENTS_ALL)
  string(TOUPPER ${component} component_key)
  set(package ${CPACK_DEBIAN_${component_key}_PACKAGE_NAME})
  set(share ${CPACK_TEMPORARY_DIRECTORY}/${component}${CPACK_PACKAGING_INSTALL_PREFIX}/share)
  if(NOT IS_DIRECTORY ${CPACK_TEMPORARY_DIRECTORY}/${component})
    message(FATAL_ERROR "cpack has not staged ${component} in ${CPACK_TEMPORARY_DIRECTORY}")
  endif()
  file(MAKE_DIRECTORY ${share}/doc/${package})
  file(COPY_FILE ${CPACK_FANOUT_COPYRIGHT} ${share}/doc/${package}/copyright)
  set(changelog ${share}/doc/${package}/changelog.Debian)
  file(WRITE ${changelog} "fanout (${CPACK_PACKAGE_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE}) unstable; urgency=medium\n\n"
                          "  * Version ${CPACK_PACKAGE_VERSION}.\n\n -- ${CPACK_PACKAGE_CONTACT}  ${now}\n")
  compress(${changelog})
  # Its site-functions are those below /usr/local.
  if(IS_DIRECTORY ${share}/zsh/site-functions)
    file(RENAME ${share}/zsh/site-functions ${share}/zsh/vendor-completions)
  endif()
  file(GLOB_RECURSE folders LIST_DIRECTORIES true ${CPACK_TEMPORARY_DIRECTORY}/${component}/*)
  list(FILTER folders INCLUDE REGEX "/__pycache__$")
  if(folders)
    file(REMOVE_RECURSE ${folders})
  endif()
  file(GLOB pages ${share}/man/man*/*)
  foreach(page IN LISTS pages)
    compress(${page})
  endforeach()
endforeach()
