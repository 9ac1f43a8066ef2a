//===- Pipelines.h - The stages of the compiler, in order -------*- C++ -*-===//
//
// One function per stage, named after what it leaves behind. Tools and
// embedding compilers call these; each is also a pipeline of quant-opt.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_PIPELINES_PIPELINES_H
#define QUANTMLIR_PIPELINES_PIPELINES_H

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"
#include <string>

namespace quantmlir {

/// What the stages need to know.
struct PipelineOptions {
  /// One of schedule::getChips().
  std::string chip = "sm_90a";
  /// A file of timings, whose best schedules are used; empty for none.
  std::string tuned;
  /// Use only timings of GPUs whose name contains this.
  std::string tunedGpu;
  /// Whether contractions that read one operand become one.
  bool mergeContractions = false;
  /// Whether sums of 8-bit floats stay in accumulators of 13 bits.
  bool fastAccumulation = false;
};

/// Linalg, upstream quant types and written-out nibble arithmetic to
/// contractions of encoded tensors with fused epilogues, and every encoding
/// checked. The result is what an artifact keeps as its reference.
void buildAlgebraPipeline(mlir::OpPassManager &pm, const PipelineOptions &);

/// Chooses schedules, lays weights out as they want them, moves what depends on
/// weights alone to prepare functions, and lowers everything that has no kernel
/// of its own to linalg on plain tensors.
void buildSchedulePipeline(mlir::OpPassManager &pm, const PipelineOptions &);

/// Makes a kernel of each scheduled op and each linalg op, bufferizes the host
/// functions, and leaves `gpu.launch_func` on memrefs.
void buildKernelPipeline(mlir::OpPassManager &pm, const PipelineOptions &);

/// Lowers the kernels to the LLVM and NVVM dialects.
void buildNVVMPipeline(mlir::OpPassManager &pm, const PipelineOptions &);

/// Writes the instructions that are assembly text to LLVM as such. Until then
/// each is an op whose meaning is known, which is what the emulator runs.
void buildInstructionPipeline(mlir::OpPassManager &pm, const PipelineOptions &);

/// All of the above, then PTX: `gpu.binary` and host functions on memrefs.
void buildQuantToPTXPipeline(mlir::OpPassManager &pm, const PipelineOptions &);

/// Registers `quant-to-ptx` and one pipeline per stage: `quant-algebra`,
/// `quant-schedule`, `quant-kernels`, `quant-nvvm`.
void registerPipelines();

} // namespace quantmlir

#endif // QUANTMLIR_PIPELINES_PIPELINES_H
