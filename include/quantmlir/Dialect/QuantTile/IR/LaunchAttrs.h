//===- LaunchAttrs.h - What kernels and launches say of them ----*- C++ -*-===//
//
// Discardable attributes that reach the manifest through dialects which know
// nothing of them.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_DIALECT_QUANTTILE_IR_LAUNCHATTRS_H
#define QUANTMLIR_DIALECT_QUANTTILE_IR_LAUNCHATTRS_H

#include "llvm/ADT/StringRef.h"

namespace quantmlir::quant_tile {

/// Of a kernel, a `#quant_tile.contract`: the error bound that it declares.
inline constexpr llvm::StringLiteral contractAttrName = "quant_tile.contract";

/// Of a `gpu.launch_func` (unit): it may begin before the launch ahead of it
/// has ended.
inline constexpr llvm::StringLiteral dependentLaunchAttrName =
    "quant_tile.dependent_launch";

} // namespace quantmlir::quant_tile

#endif // QUANTMLIR_DIALECT_QUANTTILE_IR_LAUNCHATTRS_H
