# embed(TARGET FILE NAME): adds the bytes of FILE to TARGET as `const unsigned char NAME[]`, and one NUL behind them.
function(embed target file name)
  set(out ${CMAKE_BINARY_DIR}/embedded/${name}.c)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
  file(READ ${file} bytes HEX)
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
  file(CONFIGURE OUTPUT ${out} CONTENT "extern const unsigned char ${name}[];\nconst unsigned char ${name}[] = {\n${bytes}0\n};\n")
  target_sources(${target} PRIVATE ${out})
endfunction()
