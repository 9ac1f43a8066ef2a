# Build rules shared by every folder.

# One precompiled header serves all compiler libraries: a pass then builds in
# about a second instead of fifteen.
function(quantmlir_setup_pch)
  add_library(QuantMLIRPCH OBJECT ${PROJECT_SOURCE_DIR}/lib/Support/PCH.cpp)
  quantmlir_compile_options(QuantMLIRPCH)
  target_precompile_headers(QuantMLIRPCH PRIVATE
    ${PROJECT_SOURCE_DIR}/lib/Support/PCH.h)
endfunction()

# The flags every C++ target that includes MLIR is built with. They must agree
# with those of QuantMLIRPCH, or the header cannot be reused.
function(quantmlir_compile_options target)
  target_compile_options(${target} PRIVATE
    -fno-exceptions -fno-rtti -Wall -Wextra -Wno-unused-parameter
    -Wno-deprecated-declarations -fPIC)
  if(NOT QUANTMLIR_ASSERTIONS)
    target_compile_definitions(${target} PRIVATE NDEBUG)
  endif()
  if(QUANTMLIR_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
endfunction()

# quantmlir_add_library(name sources... [DEPENDS tablegen...] [LINK_LIBS ...])
# A static library of the compiler. Everything upstream comes from the shared
# libMLIR and libLLVM: two copies of MLIR in one process break type ids.
function(quantmlir_add_library name)
  cmake_parse_arguments(ARG "" "" "DEPENDS;LINK_LIBS" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  quantmlir_compile_options(${name})
  target_precompile_headers(${name} REUSE_FROM QuantMLIRPCH)
  add_dependencies(${name} quantmlir-headers ${ARG_DEPENDS})
  target_link_libraries(${name} PUBLIC ${ARG_LINK_LIBS})
  target_link_libraries(${name} INTERFACE MLIR LLVM)
  target_include_directories(${name} INTERFACE
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
    $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/include>
    $<INSTALL_INTERFACE:include>)
  install(TARGETS ${name} EXPORT QuantMLIRTargets ARCHIVE DESTINATION lib)
  set_property(GLOBAL APPEND PROPERTY QUANTMLIR_LIBS ${name})
endfunction()

# quantmlir_add_tool(name sources... [LINK_LIBS ...])
function(quantmlir_add_tool name)
  cmake_parse_arguments(ARG "" "" "LINK_LIBS" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  quantmlir_compile_options(${name})
  target_precompile_headers(${name} REUSE_FROM QuantMLIRPCH)
  target_link_libraries(${name} PRIVATE ${ARG_LINK_LIBS} MLIR LLVM)
  set_target_properties(${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
  install(TARGETS ${name} RUNTIME DESTINATION bin)
  add_dependencies(quantmlir-tools ${name})
endfunction()

# quantmlir_add_shared(name SHARED|MODULE sources... [LINK_LIBS ...])
# A shared object made of the compiler's libraries; MLIR and LLVM stay
# outside, in the one copy that the process has. It exports what the linker
# script exports.map beside its sources says.
function(quantmlir_add_shared name kind)
  cmake_parse_arguments(ARG "" "" "LINK_LIBS" ${ARGN})
  add_library(${name} ${kind} ${ARG_UNPARSED_ARGUMENTS})
  quantmlir_compile_options(${name})
  target_link_libraries(${name} PRIVATE ${ARG_LINK_LIBS} MLIR LLVM)
  set(exports "${CMAKE_CURRENT_SOURCE_DIR}/exports.map")
  target_link_options(${name} PRIVATE
    -Wl,-z,defs "-Wl,--version-script=${exports}")
  set_property(TARGET ${name} APPEND PROPERTY LINK_DEPENDS "${exports}")
  set_target_properties(${name} PROPERTIES
    LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)
endfunction()

# quantmlir_tablegen(td [out.inc generator args...]... ) then
# quantmlir_tablegen_target(name): the headers made from one .td file.
function(quantmlir_tablegen_target name)
  add_public_tablegen_target(${name})
  add_dependencies(quantmlir-headers ${name})
endfunction()
