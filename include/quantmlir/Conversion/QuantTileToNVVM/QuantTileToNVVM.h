//===- QuantTileToNVVM.h - quant_tile instructions to LLVM and NVVM -------===//
//
// The device lowering of the instruction ops: the only place that knows
// instruction strings.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_CONVERSION_QUANTTILETONVVM_QUANTTILETONVVM_H
#define QUANTMLIR_CONVERSION_QUANTTILETONVVM_QUANTTILETONVVM_H

namespace mlir {
class DialectRegistry;
class LLVMTypeConverter;
class RewritePatternSet;
} // namespace mlir

namespace quantmlir {

/// Adds the patterns that lower `quant_tile.decode` and `.load` to LLVM,
/// NVVM and `quant_tile.lop3` ops, for a conversion whose target makes them
/// illegal.
void populateQuantTileToNVVMPatterns(mlir::LLVMTypeConverter &converter,
                                     mlir::RewritePatternSet &patterns);

/// Makes `convert-gpu-to-nvvm` and `convert-to-llvm` use these patterns
/// wherever the quant_tile dialect is loaded.
void registerConvertQuantTileToNVVMInterface(mlir::DialectRegistry &registry);

/// Lets `quant_tile.lop3` be translated to LLVM IR.
void registerQuantTileTranslation(mlir::DialectRegistry &registry);

} // namespace quantmlir

#endif // QUANTMLIR_CONVERSION_QUANTTILETONVVM_QUANTTILETONVVM_H
