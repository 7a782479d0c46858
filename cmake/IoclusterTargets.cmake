# How targets are made here: one library a directory, one test program a test directory, the same flags for all.

add_library(ioc_flags INTERFACE)
target_include_directories(ioc_flags INTERFACE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}
                                               ${PROJECT_BINARY_DIR}/generated)
target_compile_options(ioc_flags INTERFACE -Wall -Wextra -Wno-missing-field-initializers)
target_compile_definitions(ioc_flags INTERFACE BOOST_ASIO_NO_DEPRECATED)
target_link_options(ioc_flags INTERFACE -Wl,--build-id)
target_link_libraries(ioc_flags INTERFACE Threads::Threads)
if(IOC_SANITIZE)
  target_compile_options(ioc_flags INTERFACE -fsanitize=${IOC_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -g1)
  target_link_options(ioc_flags INTERFACE -fsanitize=${IOC_SANITIZE})
  # g++ 12 takes members of an empty std::optional for uninitialised ones once checks are woven in.
  target_compile_options(ioc_flags INTERFACE -Wno-maybe-uninitialized)
endif()

# Sanitized tests may take so many times longer.
set(IOC_SLOWDOWN 1)
if(IOC_SANITIZE)
  set(IOC_SLOWDOWN 6)
endif()

# ioc_test_timeout(SECONDS TEST...)
function(ioc_test_timeout seconds)
  math(EXPR timeout "${IOC_SLOWDOWN} * ${seconds}")
  set_tests_properties(${ARGN} PROPERTIES TIMEOUT ${timeout})
endfunction()

# ioc_library(NAME SOURCES a.cc ... DEPS ioc_base absl::status ...)
function(ioc_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC ioc_flags ${ARG_DEPS})
  set_property(GLOBAL APPEND PROPERTY IOC_LIBRARIES ${name})
endfunction()

# ioc_test(NAME SOURCES a_test.cc ... DEPS ...): a Catch2 program and a CTest of the same name.
function(ioc_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ioc_flags ioc_catch_main ${ARG_DEPS})
  add_test(NAME ${name} COMMAND ${name})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  ioc_test_timeout(${ARG_TIMEOUT} ${name})
endfunction()

# Adds the subdirectories named.
function(ioc_subdirectories)
  foreach(directory ${ARGN})
    add_subdirectory(${directory})
  endforeach()
endfunction()
