//===- Checkpoints.h - Quantized weights of other tools ---------*- C++ -*-===//
//
// How checkpoints hold the weight of one layer, called `P` below, N×K, groups
// of G along K:
//
//   gptq, gptq_v2   P.qweight i32 [K*bits/32, N], P.qzeros i32 [K/G,
//   N*bits/32],
//                   P.scales f16 [K/G, N], P.g_idx i32 [K]; 2, 3, 4, 8 bits.
//                   w = (q - z) s. gptq (v1) stores z - 1. g_idx is the group
//                   of each column; where act-order made groups of columns that
//                   are not side by side, any order of k / G.
//   awq             P.qweight i32 [K, N/8], P.qzeros i32 [K/G, N/8], P.scales
//                   f16 [K/G, N]; 4 bits, slots in the order 0 2 4 6 1 3 5 7.
//   pack-quantized  P.weight_packed i32 [N, ceil(K*bits/32)], P.weight_shape
//   i64
//                   [2], P.weight_scale [N, K/G]; 2 to 8 bits, stored plus
//                   2^(bits-1); P.weight_zero_point i32 [ceil(N*bits/32), K/G];
//   naive-quantized P.weight i8 [N, K], P.weight_scale, P.weight_zero_point i8.
//   float-quantized P.weight f8E4M3FN [N, K], P.weight_scale.
//
// The last three are formats of compressed-tensors, and have P.weight_g_idx i32
// [K] for g_idx where groups are not runs of columns.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_CALIBRATION_CHECKPOINTS_CHECKPOINTS_H
#define QUANTMLIR_CALIBRATION_CHECKPOINTS_CHECKPOINTS_H

#include "quantmlir/Calibration/Algorithms/WeightQuantizer.h"
#include "quantmlir/Calibration/Checkpoints/CodePacking.h"
#include "quantmlir/Runtime/ArrayIO.h"

namespace quantmlir::calibration {

/// Formats of other tools (docs/Weights.md says which tensors each has).
enum class CheckpointFormat {
  GPTQ,
  GPTQv2,
  AWQ,
  PackQuantized,
  NaiveQuantized,
  FloatQuantized
};

/// "gptq" (or "gptq_v1"), "gptq_v2", "awq", "pack-quantized",
/// "naive-quantized", "float-quantized".
llvm::Expected<CheckpointFormat> parseCheckpointFormat(llvm::StringRef text);
/// The inverse: "gptq" for v1.
llvm::StringRef getName(CheckpointFormat format);

/// One layer's quantized weight.
struct LayerWeights {
  WeightFormat format;
  QuantizedMatrix matrix;
};

/// How codes of `bits` sit in the words of a format; unset for formats of
/// whole bytes.
std::optional<CodePacking> getCodePacking(CheckpointFormat format,
                                          unsigned bits);
/// How zero points do, as a matrix of N rows.
std::optional<CodePacking> getZeroPointPacking(CheckpointFormat format,
                                               unsigned bits);

/// The suffix of the tensor that tells a layer of this format from others
/// (".qweight", ".weight_packed", ".weight_scale").
llvm::StringRef getMarkerSuffix(CheckpointFormat format);
/// Suffixes of all the tensors that a layer may have.
llvm::ArrayRef<llvm::StringLiteral> getSuffixes(CheckpointFormat format);

/// Reads a layer from its tensors by suffix (".qweight"). Integers of GPTQ and
/// AWQ come as unsigned codes with zero points, those of compressed-tensors
/// signed. `bits` is only needed where shapes do not tell (0: they do). Fails
/// with the tensor's suffix where one is missing, of another type or shape, or
/// g_idx does not put G columns into each group.
llvm::Expected<LayerWeights> readLayer(CheckpointFormat format,
                                       const io::ArrayMap &tensors,
                                       unsigned bits = 0);

/// The tensors of a layer by suffix. Fails where the format cannot hold the
/// weights as they are: nothing is rounded.
llvm::Expected<io::ArrayMap> writeLayer(CheckpointFormat format,
                                        const LayerWeights &weights);

/// Unsigned codes and zero points that are all 2^(bits-1) as signed codes
/// without; others as signed codes with zero points that are lower by that. The
/// values stay what they are.
LayerWeights toSigned(LayerWeights weights);
/// The inverse: unsigned codes with zero points.
LayerWeights toUnsigned(LayerWeights weights);

/// The codes, scales and zero points as `quant_tensor.assemble` takes them,
/// under "codes", "scales" and "zero_points"; what
/// `quant_tensor.dequantize_indexed` takes beside, where there is an index of
/// groups, under "group_index".
io::ArrayMap makeParts(const LayerWeights &weights);
/// The inverse, for a matrix of `rows` x `columns`.
llvm::Expected<LayerWeights> readParts(const WeightFormat &format, int64_t rows,
                                       int64_t columns,
                                       const io::ArrayMap &parts);

} // namespace quantmlir::calibration

#endif // QUANTMLIR_CALIBRATION_CHECKPOINTS_CHECKPOINTS_H
