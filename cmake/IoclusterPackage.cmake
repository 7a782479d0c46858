# What is installed: the public headers, one archive with all of the library, the executable, and what CMake and
# pkg-config need to find them. Read after lib/ and runtime/, whose libraries it gathers.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
include(IoclusterArchives)

get_property(libraries GLOBAL PROPERTY IOC_LIBRARIES)
list(REMOVE_ITEM libraries ioc_cli)  # the executable's own

# What the libraries need from outside, without repetition. Generator expressions ($<LINK_ONLY:...>) wrap private needs.
set(needs Threads::Threads Boost::headers)
foreach(library ${libraries})
  get_target_property(links ${library} INTERFACE_LINK_LIBRARIES)
  foreach(link ${links})
    string(REGEX REPLACE "^\\$<LINK_ONLY:(.*)>$" "\\1" link "${link}")
    if(NOT link MATCHES "^ioc_" AND NOT link IN_LIST needs)
      list(APPEND needs ${link})
    endif()
  endforeach()
endforeach()
foreach(need ${needs})
  if(NOT TARGET ${need})
    message(FATAL_ERROR "A library of ours links '${need}', which is no imported target: the package can't describe it.")
  endif()
endforeach()
iocluster_use_archives(${needs})

# The archive. What it contains is compiled once, for the libraries of the directories.
set(objects)
foreach(library ${libraries})
  list(APPEND objects $<TARGET_OBJECTS:${library}>)
endforeach()
add_library(iocluster_archive STATIC ${objects})
set_target_properties(iocluster_archive PROPERTIES OUTPUT_NAME iocluster EXPORT_NAME iocluster LINKER_LANGUAGE CXX)
target_include_directories(iocluster_archive INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_compile_features(iocluster_archive INTERFACE cxx_std_20)
# The key of a task's function begins with the program's build id.
target_link_options(iocluster_archive INTERFACE -Wl,--build-id)
target_link_libraries(iocluster_archive INTERFACE ${needs})

# The same name inside the build, for the examples.
add_library(iocluster_in_build INTERFACE)
add_library(iocluster::iocluster ALIAS iocluster_in_build)
if(TARGET ioc_api)
  target_link_libraries(iocluster_in_build INTERFACE ioc_api)
endif()

install(TARGETS iocluster_archive EXPORT iocluster ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
if(TARGET iocluster)
  install(TARGETS iocluster RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
install(DIRECTORY include/iocluster DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")

set(package_directory ${CMAKE_INSTALL_LIBDIR}/cmake/iocluster)
install(EXPORT iocluster NAMESPACE iocluster:: FILE iocluster-targets.cmake DESTINATION ${package_directory})
configure_package_config_file(cmake/iocluster-config.cmake.in ${PROJECT_BINARY_DIR}/package/iocluster-config.cmake
                              INSTALL_DESTINATION ${package_directory})
# Before 1.0 a minor release may change the interface.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/package/iocluster-config-version.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/package/iocluster-config.cmake
              ${PROJECT_BINARY_DIR}/package/iocluster-config-version.cmake
              ${PROJECT_SOURCE_DIR}/cmake/IoclusterArchives.cmake
        DESTINATION ${package_directory})

# pkg-config has no targets: it gets the archives by their paths, as one group that is searched until all is found.
iocluster_collect_imported(imported ${needs})
set(pkgconfig_libraries)
foreach(target ${imported})
  get_target_property(type ${target} TYPE)
  if(NOT type STREQUAL "INTERFACE_LIBRARY")
    list(APPEND pkgconfig_libraries $<TARGET_FILE:${target}>)
  endif()
endforeach()
list(JOIN pkgconfig_libraries " " pkgconfig_libraries)
file(RELATIVE_PATH pkgconfig_to_prefix /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
configure_file(cmake/iocluster.pc.in ${PROJECT_BINARY_DIR}/package/iocluster.pc.generate @ONLY)
file(GENERATE OUTPUT ${PROJECT_BINARY_DIR}/package/iocluster.pc
     INPUT ${PROJECT_BINARY_DIR}/package/iocluster.pc.generate)
install(FILES ${PROJECT_BINARY_DIR}/package/iocluster.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
