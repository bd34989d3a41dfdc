# What is installed: the program, libcseg (shared and static) with its public headers, a pkg-config file, completions.
# The public functions are in src/api; all else in the libraries is hidden.
file(GLOB api_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/api/*.c)
file(GLOB public_headers CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/include/cseg/*.h)
set(parts base config io graph backend model data geo engine)

cseg_part(api cseg_engine)
add_library(cseg_shared SHARED ${api_sources})
target_link_libraries(cseg_shared PRIVATE cseg_engine)
target_link_options(cseg_shared PRIVATE -Wl,--version-script,${CMAKE_SOURCE_DIR}/cmake/exports.map)
if(NOT CSEG_SANITIZE)
  target_link_options(cseg_shared PRIVATE -Wl,--no-undefined)
endif()
set_target_properties(cseg_shared PROPERTIES OUTPUT_NAME cseg VERSION ${PROJECT_VERSION}
  SOVERSION ${PROJECT_VERSION_MAJOR} LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})

# One archive of one object, so that internal names stay out of the way of those who link it.
set(objects $<TARGET_OBJECTS:cseg_api>)
foreach(part ${parts})
  list(APPEND objects $<TARGET_OBJECTS:cseg_${part}>)
endforeach()
set(relocatable ${CMAKE_BINARY_DIR}/libcseg.o)
add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/libcseg.a
  COMMAND ${CMAKE_LINKER} -r -o ${relocatable} ${objects}
  COMMAND ${CMAKE_OBJCOPY} --localize-hidden ${relocatable}
  COMMAND ${CMAKE_COMMAND} -E rm -f ${CMAKE_BINARY_DIR}/libcseg.a
  COMMAND ${CMAKE_AR} rcs ${CMAKE_BINARY_DIR}/libcseg.a ${relocatable}
  COMMAND ${CMAKE_COMMAND} -E rm -f ${relocatable}
  DEPENDS cseg_api cseg_base cseg_config cseg_io cseg_graph cseg_backend cseg_model cseg_data cseg_geo cseg_engine
  COMMAND_EXPAND_LISTS VERBATIM)
add_custom_target(cseg_static ALL DEPENDS ${CMAKE_BINARY_DIR}/libcseg.a)

# oneDNN from its wheels comes along; the system's does not.
set(private_lib ${CMAKE_INSTALL_LIBDIR}/cseg)
set(onednn_link -ldnnl)
if(NOT dnnl_FOUND)
  file(REAL_PATH ${onednn_library} onednn_file)
  install(FILES ${onednn_file} DESTINATION ${private_lib} RENAME libdnnl.so.3)
  set(onednn_link "\${libdir}/cseg/libdnnl.so.3 -Wl,-rpath,\${libdir}/cseg")
endif()
set_target_properties(cseg PROPERTIES INSTALL_RPATH "$ORIGIN/../${private_lib}")
set_target_properties(cseg_shared PROPERTIES INSTALL_RPATH "$ORIGIN/cseg")
file(RELATIVE_PATH prefix_from_pc /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(${CMAKE_SOURCE_DIR}/cmake/cseg.pc.in ${CMAKE_BINARY_DIR}/cseg.pc @ONLY)

install(TARGETS cseg cseg_shared)
install(FILES ${CMAKE_BINARY_DIR}/libcseg.a DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES ${public_headers} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/cseg)
install(FILES ${CMAKE_BINARY_DIR}/cseg.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
foreach(shell bash zsh fish)
  add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/completion.${shell}
    COMMAND cseg completion ${shell} > ${CMAKE_BINARY_DIR}/completion.${shell} DEPENDS cseg)
endforeach()
add_custom_target(completions ALL DEPENDS ${CMAKE_BINARY_DIR}/completion.bash ${CMAKE_BINARY_DIR}/completion.zsh
  ${CMAKE_BINARY_DIR}/completion.fish)
install(FILES ${CMAKE_BINARY_DIR}/completion.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions
  RENAME cseg)
install(FILES ${CMAKE_BINARY_DIR}/completion.zsh DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions RENAME _cseg)
install(FILES ${CMAKE_BINARY_DIR}/completion.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d
  RENAME cseg.fish)

# Examples: one of the public API, as C and as C++; one that makes data.
add_executable(segment ${CMAKE_SOURCE_DIR}/examples/c/segment.c)
target_include_directories(segment PRIVATE ${CMAKE_SOURCE_DIR}/include)
target_link_libraries(segment PRIVATE cseg_shared)
set(as_cxx ${CMAKE_BINARY_DIR}/segment_cxx.cc)
configure_file(${CMAKE_SOURCE_DIR}/examples/c/segment.c ${as_cxx} COPYONLY)
add_executable(segment_cxx ${as_cxx})
target_include_directories(segment_cxx PRIVATE ${CMAKE_SOURCE_DIR}/include)
target_compile_options(segment_cxx PRIVATE -Wall -Wextra -Werror -pedantic)
target_link_libraries(segment_cxx PRIVATE cseg_shared)
add_executable(make_pair ${CMAKE_SOURCE_DIR}/examples/change/make_pair.c)
target_link_libraries(make_pair PRIVATE cseg_io)
set_target_properties(segment segment_cxx make_pair PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
