//===- LaunchOp.cpp - quant_tile.launch -----------------------------------===//

#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace mlir::bufferization;
using namespace quantmlir::quant_tile;

/// CUDA's limits of one launch; a schedule picks within them.
static constexpr int64_t kMaxThreadsPerBlock = 1024;
static constexpr int64_t kMaxBlocksPerCluster = 16;

/// Checks that `sizes` are three positive numbers whose product is at most
/// `limit`.
static LogicalResult verifySizes(LaunchOp op, ArrayRef<int64_t> sizes,
                                 StringRef what, int64_t limit) {
  if (sizes.size() != 3)
    return op.emitOpError()
           << what << " has " << sizes.size() << " sizes, expected 3";
  int64_t product = 1;
  for (int64_t size : sizes) {
    if (size < 1 || size > limit)
      return op.emitOpError()
             << what << " size " << size << " is not in [1, " << limit << "]";
    product *= size;
  }
  if (product > limit)
    return op.emitOpError()
           << what << " has " << product << " in all, the limit is " << limit;
  return success();
}

int64_t LaunchOp::getThreadsPerBlock() {
  ArrayRef<int64_t> block = getBlock();
  return block[0] * block[1] * block[2];
}

bool LaunchOp::readsOut(OpOperand &operand) {
  if (getAccumulates())
    return true;
  int64_t number =
      operand.getOperandNumber() - getOuts().getBeginOperandIndex();
  return llvm::is_contained(getReadsOuts().value_or(ArrayRef<int64_t>()),
                            number);
}

LogicalResult LaunchOp::verify() {
  if (failed(verifySizes(*this, getBlock(), "block", kMaxThreadsPerBlock)))
    return failure();
  if (getCluster() && failed(verifySizes(*this, *getCluster(), "cluster",
                                         kMaxBlocksPerCluster)))
    return failure();
  if (static_cast<int64_t>(getDynamicSharedMemory()) < 0)
    return emitOpError() << "dynamic_shared_memory is negative";
  if (getOuts().empty())
    return emitOpError() << "has no outs, so it computes nothing";
  // A mixture would leave half of the data flow in memory and half in values.
  bool onTensors = isa<TensorType>(getOuts().front().getType());
  for (ValueRange values : {ValueRange(getIns()), ValueRange(getOuts())})
    for (Value value : values)
      if (isa<TensorType>(value.getType()) != onTensors)
        return emitOpError() << "mixes tensors and memrefs";
  size_t maps = getTensorMaps() ? getTensorMaps()->size() : 0;
  ArrayRef<int64_t> mapped =
      getTensorMapOperands().value_or(ArrayRef<int64_t>());
  if (maps != mapped.size())
    return emitOpError() << "has " << maps << " tensor maps of "
                         << mapped.size() << " operands";
  int64_t buffers = getIns().size() + getOuts().size();
  for (int64_t operand : mapped)
    if (operand < 0 || operand >= buffers)
      return emitOpError() << "tensor map of operand " << operand
                           << ", which is not one of " << buffers;
  for (int64_t out : getReadsOuts().value_or(ArrayRef<int64_t>()))
    if (out < 0 || out >= static_cast<int64_t>(getOuts().size()))
      return emitOpError() << "reads_outs names out " << out
                           << ", which is not one of " << getOuts().size();
  if (onTensors && getResults().size() != getOuts().size())
    return emitOpError() << "has " << getResults().size() << " results for "
                         << getOuts().size() << " outs";
  return success();
}

LogicalResult LaunchOp::verifySymbolUses(SymbolTableCollection &tables) {
  auto kernel =
      tables.lookupNearestSymbolFrom<gpu::GPUFuncOp>(*this, getKernelAttr());
  if (!kernel)
    return emitOpError() << "kernel " << getKernelAttr()
                         << " is not a gpu.func in this module";
  if (!kernel.isKernel())
    return emitOpError() << getKernelAttr() << " lacks the kernel attribute";

  SmallVector<Value> operands(getIns());
  llvm::append_range(operands, getOuts());
  llvm::append_range(operands, getScalars());
  TypeRange parameters = kernel.getArgumentTypes();
  size_t maps = getTensorMapOperands().value_or(ArrayRef<int64_t>()).size();
  if (parameters.size() != operands.size() + maps)
    return emitOpError() << "passes " << operands.size() + maps
                         << " operands to " << getKernelAttr()
                         << ", which takes " << parameters.size();
  for (Type parameter : parameters.take_back(maps))
    if (!isa<LLVM::LLVMPointerType>(parameter))
      return emitOpError() << "passes a tensor map to a parameter of type "
                           << parameter << " of " << getKernelAttr();
  parameters = parameters.drop_back(maps);
  for (auto [index, parameter, operand] :
       llvm::enumerate(parameters, operands)) {
    auto shaped = dyn_cast<ShapedType>(operand.getType());
    auto expected = dyn_cast<MemRefType>(parameter);
    bool matches =
        shaped ? expected &&
                     expected.getElementType() == shaped.getElementType() &&
                     succeeded(verifyCompatibleShape(expected.getShape(),
                                                     shaped.getShape()))
               : parameter == operand.getType();
    if (!matches)
      return emitOpError() << "operand #" << index << " of type "
                           << operand.getType() << " does not fit parameter of "
                           << "type " << parameter << " of " << getKernelAttr();
  }
  return success();
}

void LaunchOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  if (!getResults().empty())
    return;
  for (OpOperand &operand : getInsMutable())
    effects.emplace_back(MemoryEffects::Read::get(), &operand);
  for (OpOperand &operand : getOutsMutable()) {
    if (readsOut(operand))
      effects.emplace_back(MemoryEffects::Read::get(), &operand);
    effects.emplace_back(MemoryEffects::Write::get(), &operand);
  }
}

//===----------------------------------------------------------------------===//
// BufferizableOpInterface
//===----------------------------------------------------------------------===//

/// Whether `operand` is one of the outs. Analyses ask it of each pair of ops,
/// and isDpsInit looks an attribute up.
static bool isOut(LaunchOp op, OpOperand &operand) {
  OperandRange outs = op.getOuts();
  return operand.getOperandNumber() - outs.getBeginOperandIndex() < outs.size();
}

bool LaunchOp::bufferizesToMemoryRead(OpOperand &operand,
                                      const AnalysisState &state) {
  return !isOut(*this, operand) || readsOut(operand);
}

bool LaunchOp::bufferizesToMemoryWrite(OpOperand &operand,
                                       const AnalysisState &state) {
  return isOut(*this, operand);
}

AliasingValueList LaunchOp::getAliasingValues(OpOperand &operand,
                                              const AnalysisState &state) {
  if (isOut(*this, operand)) {
    unsigned number =
        operand.getOperandNumber() - getOuts().getBeginOperandIndex();
    return {{getResult(number), BufferRelation::Equivalent}};
  }
  return {};
}

/// Whether the kernel's parameter `index` takes a buffer of `type` with the
/// strides that it has.
static bool takesStrides(LaunchOp op, unsigned index, MemRefType type) {
  auto kernel = SymbolTable::lookupNearestSymbolFrom<gpu::GPUFuncOp>(
      op, op.getKernelAttr());
  if (!kernel)
    return false;
  auto parameter = cast<MemRefType>(kernel.getArgumentTypes()[index]);
  // A cast of unknown strides to none is allowed, and wrong here.
  return !parameter.getLayout().isIdentity() &&
         memref::CastOp::areCastCompatible(type, parameter);
}

LogicalResult LaunchOp::bufferize(RewriterBase &rewriter,
                                  const BufferizationOptions &options,
                                  BufferizationState &state) {
  rewriter.setInsertionPoint(*this);
  SmallVector<Value> ins, outs;
  for (Value tensor : getIns()) {
    FailureOr<Value> buffer = getBuffer(rewriter, tensor, options, state);
    if (failed(buffer))
      return failure();
    auto type = cast<MemRefType>(buffer->getType());
    // Vector loads rely on rows that follow each other: a slice is made
    // contiguous first, but for a kernel that takes strides as they are.
    if (!type.getLayout().isIdentity() &&
        !takesStrides(*this, ins.size(), type)) {
      SmallVector<Value> sizes;
      for (int64_t axis = 0; axis < type.getRank(); ++axis)
        if (type.isDynamicDim(axis))
          sizes.push_back(
              memref::DimOp::create(rewriter, getLoc(), *buffer, axis));
      FailureOr<Value> packed = options.createAlloc(
          rewriter, getLoc(),
          MemRefType::get(type.getShape(), type.getElementType()), sizes);
      if (failed(packed) ||
          failed(options.createMemCpy(rewriter, getLoc(), *buffer, *packed)))
        return failure();
      buffer = packed;
    }
    ins.push_back(*buffer);
  }
  for (Value tensor : getOuts()) {
    FailureOr<Value> buffer = getBuffer(rewriter, tensor, options, state);
    if (failed(buffer))
      return failure();
    outs.push_back(*buffer);
  }
  LaunchOp::create(rewriter, getLoc(), TypeRange(), getKernelAttr(), getGridX(),
                   getGridY(), getGridZ(), ins, getScalars(), outs,
                   getBlockAttr(), getClusterAttr(),
                   getDynamicSharedMemoryAttr(), getDependentLaunchAttr(),
                   getAccumulatesAttr(), getReadsOutsAttr(),
                   getTensorMapOperandsAttr(), getTensorMapsAttr());
  replaceOpWithBufferizedValues(rewriter, *this, outs);
  return success();
}
