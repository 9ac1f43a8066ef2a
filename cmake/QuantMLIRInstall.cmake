# The install tree: what find_package(QuantMLIR) needs. One target per library,
# under the names they have in this build, and QuantMLIR for all of them.
include(CMakePackageConfigHelpers)

# A group, so that linkers that read archives once, in order, find everything.
get_property(libs GLOBAL PROPERTY QUANTMLIR_LIBS)
list(JOIN libs "," libs_list)
add_library(QuantMLIR INTERFACE)
target_link_libraries(QuantMLIR INTERFACE "$<LINK_GROUP:RESCAN,${libs_list}>")
install(TARGETS QuantMLIR EXPORT QuantMLIRTargets)

install(DIRECTORY include/quantmlir include/quantmlir-c DESTINATION include
  FILES_MATCHING PATTERN "*.h" PATTERN "*.td")
install(DIRECTORY ${PROJECT_BINARY_DIR}/include/quantmlir DESTINATION include
  FILES_MATCHING PATTERN "*.inc"
  PATTERN "*.cpp.inc" EXCLUDE PATTERN CMakeFiles EXCLUDE)
install(FILES LICENSE DESTINATION share/doc/quantmlir)

set(config_dir lib/cmake/QuantMLIR)
set(QUANTMLIR_BUILT_WITH_MLIR_DIR "${MLIR_DIR}")
install(EXPORT QuantMLIRTargets DESTINATION ${config_dir})
configure_package_config_file(cmake/QuantMLIRConfig.cmake.in
  ${PROJECT_BINARY_DIR}/QuantMLIRConfig.cmake
  INSTALL_DESTINATION ${config_dir})
write_basic_package_version_file(
  ${PROJECT_BINARY_DIR}/QuantMLIRConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES
  ${PROJECT_BINARY_DIR}/QuantMLIRConfig.cmake
  ${PROJECT_BINARY_DIR}/QuantMLIRConfigVersion.cmake
  DESTINATION ${config_dir})
