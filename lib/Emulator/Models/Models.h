//===- Models.h - Attaching semantics to instructions ---------------------===//

#ifndef QUANTMLIR_LIB_EMULATOR_MODELS_MODELS_H
#define QUANTMLIR_LIB_EMULATOR_MODELS_MODELS_H

#include "../Machine.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "quantmlir/Emulator/EmulatableOpInterface.h"

namespace quantmlir::emulator {

/// An external model whose `getSemantics` is the function `describe`.
template <typename OpT, llvm::FailureOr<Semantics> (*describe)(OpT)>
struct FunctionModel
    : EmulatableOpInterface::ExternalModel<FunctionModel<OpT, describe>, OpT> {
  llvm::FailureOr<Semantics> getSemantics(mlir::Operation *op) const {
    return describe(llvm::cast<OpT>(op));
  }
};

template <typename OpT, llvm::FailureOr<Semantics> (*describe)(OpT)>
void attach(mlir::MLIRContext *context) {
  OpT::template attachInterface<FunctionModel<OpT, describe>>(*context);
}

/// An instruction of one thread.
template <typename Function> Semantics perThread(Function function) {
  Semantics semantics;
  semantics.perThread = std::move(function);
  return semantics;
}

/// An instruction of a warp; `maskOperand` as in Semantics.
template <typename Function>
Semantics perWarp(Function function,
                  std::optional<unsigned> maskOperand = std::nullopt) {
  Semantics semantics;
  semantics.perWarp = std::move(function);
  semantics.maskOperand = maskOperand;
  return semantics;
}

/// An instruction of a warpgroup.
template <typename Function> Semantics perWarpgroup(Function function) {
  Semantics semantics;
  semantics.perWarpgroup = std::move(function);
  return semantics;
}

/// The space of an address operand.
inline Space getSpace(mlir::Value pointer) {
  switch (llvm::cast<mlir::LLVM::LLVMPointerType>(pointer.getType())
              .getAddressSpace()) {
  case unsigned(mlir::NVVM::NVVMMemorySpace::Global):
    return Space::Global;
  case unsigned(mlir::NVVM::NVVMMemorySpace::Shared):
    return Space::Shared;
  case unsigned(mlir::NVVM::NVVMMemorySpace::SharedCluster):
    return Space::Cluster;
  default:
    return Space::Generic;
  }
}

/// Refuses `op`, by its name, on `condition`.
template <typename OpT>
llvm::LogicalResult refuse(OpT op, bool condition, llvm::StringRef what) {
  if (!condition)
    return llvm::success();
  return op.emitOpError() << "with " << what << " is not known to the emulator";
}

void attachBulkCopyModels(mlir::MLIRContext *context);
void attachRegisterModels(mlir::MLIRContext *context);
void attachSyncModels(mlir::MLIRContext *context);
void attachWarpExchangeModels(mlir::MLIRContext *context);
void attachMatrixModels(mlir::MLIRContext *context);
void attachConversionModels(mlir::MLIRContext *context);
void attachAsyncCopyModels(mlir::MLIRContext *context);
void attachMBarrierModels(mlir::MLIRContext *context);
void attachQuantTileModels(mlir::MLIRContext *context);
void attachWgmmaModels(mlir::MLIRContext *context);
void attachWgmmaGroupModels(mlir::MLIRContext *context);
void attachIntrinsicModels(mlir::MLIRContext *context);

} // namespace quantmlir::emulator

#endif // QUANTMLIR_LIB_EMULATOR_MODELS_MODELS_H
