//===- Instrumenter.h - What rewrites kernel code for the host ------------===//

#ifndef QUANTMLIR_LIB_EMULATOR_INSTRUMENTER_H
#define QUANTMLIR_LIB_EMULATOR_INSTRUMENTER_H

#include "Instrument.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Interfaces/DataLayoutInterfaces.h"
#include "quantmlir/Emulator/EmulatableOpInterface.h"

namespace quantmlir::emulator {

/// Address spaces of NVPTX.
enum : unsigned { Generic = 0, Global = 1, SharedCta = 3, SharedCluster = 7 };

/// The address space of a pointer; 0 of any other value.
unsigned getAddressSpace(mlir::Value value);

/// The space that `pointer` says it points into.
Space getSpace(mlir::Value pointer);

/// The alignment NVPTX wants of an access that does not say one.
uint64_t getNaturalAlignment(mlir::Type type, const mlir::DataLayout &layout);

/// The flags of a Site that an ordering means.
unsigned getOrders(mlir::LLVM::AtomicOrdering ordering);

/// See `instrument`. Ops are told apart in Instrument.cpp, memory is in
/// InstrumentMemory.cpp, calls and control flow in InstrumentCalls.cpp.
class Instrumenter {
public:
  Instrumenter(mlir::ModuleOp module,
               const llvm::StringMap<uint64_t> &addresses,
               std::vector<Site> &sites)
      : module(module), layout(module), addresses(addresses), sites(sites),
        context(module.getContext()),
        pointer(mlir::LLVM::LLVMPointerType::get(context)),
        i32(mlir::IntegerType::get(context, 32)),
        i64(mlir::IntegerType::get(context, 64)) {}

  llvm::LogicalResult run();

private:
  llvm::LogicalResult rewriteFunction(mlir::LLVM::LLVMFuncOp function);
  llvm::LogicalResult rewrite(mlir::Operation *op);
  llvm::LogicalResult rewriteCall(mlir::LLVM::CallOp call);
  llvm::LogicalResult rewriteAddressOf(mlir::LLVM::AddressOfOp op);
  llvm::LogicalResult rewriteAddressCast(mlir::LLVM::AddrSpaceCastOp op);
  llvm::LogicalResult rewriteInstruction(EmulatableOpInterface op);
  llvm::LogicalResult rewriteCopy(mlir::Operation *op);
  llvm::LogicalResult rewriteAlloca(mlir::LLVM::AllocaOp op);
  llvm::LogicalResult rewriteLifetime(mlir::Operation *op);
  /// Lets the emulator see a divisor first: one that the host traps on is a
  /// finding, and the program goes on with another.
  llvm::LogicalResult rewriteDivision(mlir::Operation *op, bool isSigned);
  /// Counts a step before `op`, and returns its site.
  Site &addStep(mlir::Operation *op);
  /// Counts the steps of loops.
  void addSteps(mlir::LLVM::LLVMFuncOp function);
  void endLocals(mlir::LLVM::LLVMFuncOp function);
  /// Has the emulator see that `op` touches `accumulators`.
  void checkTouched(mlir::Operation *op, mlir::Value accumulators);
  /// Sends the address operand of `op` through the emulator.
  llvm::LogicalResult rewriteAccess(mlir::Operation *op,
                                    mlir::OpOperand &address,
                                    mlir::Type accessed,
                                    std::optional<uint64_t> alignment,
                                    AccessKind kind, unsigned synchronizes);
  llvm::LogicalResult rewriteFence(mlir::LLVM::FenceOp op);
  llvm::LogicalResult rewriteUnreachable(mlir::LLVM::UnreachableOp op);

  Site &addSite(mlir::Operation *op) {
    sites.push_back(Site{uint32_t(sites.size()), op->getLoc(), op->getName()});
    return sites.back();
  }
  mlir::Value constant(mlir::OpBuilder &builder, mlir::Location loc,
                       mlir::Type type, int64_t value) {
    return mlir::LLVM::ConstantOp::create(builder, loc, type,
                                          builder.getIntegerAttr(type, value));
  }
  /// Space for `size` bytes that the function owns from its entry on.
  mlir::Value scratch(uint64_t size, mlir::Value &slot, uint64_t &slotSize);
  /// Has the emulator execute the site `id` on `operands` and `results`, or on
  /// none of either.
  void callExecute(mlir::OpBuilder &builder, mlir::Location loc, uint32_t id,
                   mlir::Value operands, mlir::Value results) {
    mlir::LLVM::CallOp::create(builder, loc, mlir::TypeRange(), executeSymbol,
                               mlir::ValueRange{thread,
                                                constant(builder, loc, i32, id),
                                                operands, results});
  }
  void callExecute(mlir::OpBuilder &builder, mlir::Location loc, uint32_t id) {
    mlir::Value operands = scratch(4, operandSpace, operandBytes);
    mlir::Value results = scratch(4, resultSpace, resultBytes);
    callExecute(builder, loc, id, operands, results);
  }
  void declare(llvm::StringRef name, mlir::Type result,
               llvm::ArrayRef<mlir::Type> arguments);

  mlir::ModuleOp module;
  mlir::DataLayout layout;
  const llvm::StringMap<uint64_t> &addresses;
  std::vector<Site> &sites;
  mlir::MLIRContext *context;
  mlir::LLVM::LLVMPointerType pointer;
  mlir::IntegerType i32, i64;

  // Of the function being rewritten.
  mlir::Value thread, operandSpace, resultSpace;
  uint64_t operandBytes = 0, resultBytes = 0;
};

} // namespace quantmlir::emulator

#endif // QUANTMLIR_LIB_EMULATOR_INSTRUMENTER_H
