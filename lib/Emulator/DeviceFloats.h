//===- DeviceFloats.h - Float arithmetic as the device does it ------------===//

#ifndef QUANTMLIR_LIB_EMULATOR_DEVICEFLOATS_H
#define QUANTMLIR_LIB_EMULATOR_DEVICEFLOATS_H

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinOps.h"

namespace llvm {
class TargetMachine;
} // namespace llvm

namespace quantmlir::emulator {

/// Rewrites the float arithmetic of `module` (f32, f16, bf16) where the host's
/// may give other bits than the device's, which LLVM allows:
///
/// - a NaN has all bits set but the sign;
/// - min and max take -0 for less than 0;
/// - fma of 16-bit floats rounds once;
/// - frem is what NVPTX makes of it, a - trunc(a / b) * b.
void matchDeviceFloats(mlir::ModuleOp module);

/// Makes a call of `op`, an atomic fadd of f32 or a pair of 16-bit floats whose
/// pointer is one of the host, and returns true; false for any other. The f32
/// additions of global memory take subnormal numbers for zeros.
bool matchDeviceAtomic(mlir::LLVM::AtomicRMWOp op, bool isShared);

/// A target machine of this host whose bf16 conversions keep subnormal numbers.
/// AVX512-BF16 has instructions that do not.
llvm::Expected<std::unique_ptr<llvm::TargetMachine>> createTargetMachine();

} // namespace quantmlir::emulator

#endif // QUANTMLIR_LIB_EMULATOR_DEVICEFLOATS_H
