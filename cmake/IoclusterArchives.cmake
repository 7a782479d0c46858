# Part of the build and of the installed package: makes imported targets mean their static archives.
#
# Debian's packages carry both, and their CMake targets name the shared ones. Programs that link iocluster start on many
# machines and many times: with archives that takes 2.5 ms and 3.8 MB, with shared libraries 15 ms and 10 MB, and the
# program travels as one file. A target is changed as a whole, so that a program never has two copies of one library.

# iocluster_use_archives(absl::status CapnProto::capnp ...): these targets and all that they need. A target without an
# archive beside its shared library stays as it is.
function(iocluster_use_archives)
  iocluster_collect_imported(targets ${ARGN})
  foreach(target ${targets})
    get_target_property(configurations ${target} IMPORTED_CONFIGURATIONS)
    set(properties IMPORTED_LOCATION)
    foreach(configuration ${configurations})
      list(APPEND properties IMPORTED_LOCATION_${configuration})
    endforeach()
    foreach(property ${properties})
      get_target_property(location ${target} ${property})
      if(location MATCHES "^(.*/lib[^/]*)\\.so[0-9.]*$")
        # libcapnp-0.9.2.so has its archive in libcapnp.a, libabsl_status.so.20220623.0.0 in libabsl_status.a.
        string(REGEX REPLACE "-[0-9.]+$" "" stem "${CMAKE_MATCH_1}")
        if(EXISTS "${stem}.a")
          set_target_properties(${target} PROPERTIES ${property} "${stem}.a")
        endif()
      endif()
    endforeach()
  endforeach()
endfunction()

# Sets `result` to these imported targets and all that they link, each once, in no particular order.
function(iocluster_collect_imported result)
  set(found)
  set(open ${ARGN})
  while(open)
    list(POP_FRONT open target)
    if(TARGET ${target} AND NOT target IN_LIST found)
      list(APPEND found ${target})
      get_target_property(needs ${target} INTERFACE_LINK_LIBRARIES)
      if(needs)
        list(APPEND open ${needs})
      endif()
    endif()
  endwhile()
  set(${result} ${found} PARENT_SCOPE)
endfunction()
