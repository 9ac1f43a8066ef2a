//===- MatmulEmitter.cpp - What every matmul kernel is made of ------------===//

#include "MatmulEmitter.h"

#include "FlatMemref.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace quantmlir;
using quant_tensor::FragmentLayout;
using quant_tensor::ScaledMatmulOp;

int64_t MatmulProblem::getRowGroup() const {
  return encoding ? encoding.getBlockExtent(0, n) : n;
}

int64_t MatmulProblem::getClusterTileN() const {
  return schedule.getTileN() * schedule.getWarpgroups().getClusterN();
}

MatmulEmitter::MatmulEmitter(OpBuilder &builder, Location loc,
                             const MatmulProblem &problem,
                             gpu::GPUFuncOp kernel)
    : ImplicitLocOpBuilder(loc, builder), problem(problem), kernel(kernel) {
  unsigned next = 0;
  Value lhsMemref = kernel.getArgument(next++);
  codes = kernel.getArgument(next++);
  if (problem.encoding) {
    scales = kernel.getArgument(next++);
    if (problem.encoding.hasZeroPoint())
      zeroPoints = kernel.getArgument(next++);
    layout = FragmentLayout::get(problem.encoding,
                                 problem.schedule.getWeights().getTile()[1]);
  }
  ScaledMatmulOp op = problem.op;
  Value lhsScaleMemref;
  if (op.isBlockScaled()) {
    lhsScaleMemref = kernel.getArgument(next++);
    scales = kernel.getArgument(next++);
  }
  for (size_t i = 0, e = op.getEpilogueArgs().size(); i < e; ++i)
    epilogueArgs.push_back(kernel.getArgument(next++));
  out = kernel.getArgument(next++);
  if (problem.schedule.getStreamK()) {
    givenSums = kernel.getArgument(next++);
    givenFlags = kernel.getArgument(next++);
  }
  llvm::append_range(tensorMaps, kernel.getArguments().drop_front(next));

  auto extent = [&](Value memref, int64_t dim) -> Value {
    auto type = cast<MemRefType>(memref.getType());
    return type.isDynamicDim(dim)
               ? memref::DimOp::create(*this, memref, dim).getResult()
               : index(type.getDimSize(dim));
  };
  int64_t lhsRank = cast<MemRefType>(lhsMemref.getType()).getRank();
  int64_t numBatchDims = op.getNumBatchDims();
  Value batches = index(1);
  for (int64_t dim = 0; dim < numBatchDims; ++dim)
    batches = mul(batches, extent(lhsMemref, dim));
  rows = index(1);
  for (int64_t dim = numBatchDims; dim + 1 < lhsRank; ++dim)
    rows = mul(rows, extent(lhsMemref, dim));
  n = ShapedType::isDynamic(problem.n) ? extent(codes, numBatchDims)
                                       : index(problem.n);
  outColumns = div(n, problem.numSums);
  k = ShapedType::isDynamic(problem.k) ? extent(lhsMemref, lhsRank - 1)
                                       : index(problem.k);
  lhs = flattenMemref(*this, getLoc(), lhsMemref, mul(mul(batches, rows), k));
  if (lhsScaleMemref) {
    int64_t groups =
        cast<MemRefType>(lhsScaleMemref.getType()).getShape().back();
    lhsScales =
        flattenMemref(*this, getLoc(), lhsScaleMemref, mul(rows, groups));
  }
  if (!problem.encoding)
    codes = flattenMemref(*this, getLoc(), codes, mul(mul(batches, n), k));

  // Blocks that share a tile along K follow each other.
  blockX = div(gpu::BlockIdOp::create(*this, gpu::Dimension::x),
               problem.schedule.getSplitK());
  if (numBatchDims) {
    int64_t tileN = problem.schedule.getTileN();
    Value perBatch = div(add(n, tileN - 1), tileN);
    batch = createOrFold<arith::DivUIOp>(blockX, perBatch);
    blockX = createOrFold<arith::RemUIOp>(blockX, perBatch);
  }

  thread = gpu::ThreadIdOp::create(*this, gpu::Dimension::x);
  lane = rem(thread, 32);
  warp = div(thread, 32);
  g = div(lane, 4);
  t = rem(lane, 4);
}

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

Value MatmulEmitter::index(int64_t value) {
  return arith::ConstantIndexOp::create(*this, value);
}

Value MatmulEmitter::add(Value a, Value b) {
  return createOrFold<arith::AddIOp>(a, b);
}

Value MatmulEmitter::sub(Value a, int64_t b) {
  return createOrFold<arith::SubIOp>(a, index(b));
}

Value MatmulEmitter::mul(Value a, Value b) {
  return createOrFold<arith::MulIOp>(a, b);
}

Value MatmulEmitter::div(Value a, int64_t b) {
  if (b == 1)
    return a;
  return createOrFold<arith::DivUIOp>(a, index(b));
}

Value MatmulEmitter::rem(Value a, int64_t b) {
  if (b == 1)
    return index(0);
  return createOrFold<arith::RemUIOp>(a, index(b));
}

Value MatmulEmitter::min(Value a, Value b) {
  return createOrFold<arith::MinUIOp>(a, b);
}

Value MatmulEmitter::less(Value a, Value b) {
  return createOrFold<arith::CmpIOp>(arith::CmpIPredicate::ult, a, b);
}

Value MatmulEmitter::select(Value c, Value a, Value b) {
  return createOrFold<arith::SelectOp>(c, a, b);
}

Value MatmulEmitter::floatConstant(Type type, double value) {
  auto element = getFloatAttr(getElementTypeOrSelf(type), value);
  if (auto vector = dyn_cast<VectorType>(type))
    return arith::ConstantOp::create(
        *this, DenseElementsAttr::get(vector, element.getValue()));
  return arith::ConstantOp::create(*this, element);
}

Value MatmulEmitter::wordConstant(uint32_t value) {
  return arith::ConstantOp::create(
      *this, getI32IntegerAttr(static_cast<int32_t>(value)));
}

Value MatmulEmitter::fma(Value a, Value b, Value c) {
  return LLVM::FMAOp::create(*this, a, b, c);
}

void MatmulEmitter::ifThen(Value condition, function_ref<void()> body,
                           function_ref<void()> otherwise) {
  auto op = scf::IfOp::create(*this, condition,
                              /*withElseRegion=*/static_cast<bool>(otherwise));
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPoint(op.thenBlock()->getTerminator());
  body();
  if (!otherwise)
    return;
  setInsertionPoint(op.elseBlock()->getTerminator());
  otherwise();
}

SmallVector<Value>
MatmulEmitter::loop(Value first, Value end, Value step, ValueRange carried,
                    function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  auto op = scf::ForOp::create(*this, first, end, step, carried);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(op.getBody());
  SmallVector<Value> next = body(op.getInductionVar(), op.getRegionIterArgs());
  if (carried.empty())
    return {};
  scf::YieldOp::create(*this, next);
  return SmallVector<Value>(op.getResults());
}

Value MatmulEmitter::element(Value vector, int64_t position) {
  return vector::ExtractOp::create(*this, vector, position);
}

Value MatmulEmitter::bitcast(Type type, Value value) {
  if (type == value.getType())
    return value;
  return LLVM::BitcastOp::create(*this, type, value);
}

/// Bytes of a value of `type`, at most 16.
static int64_t getNaturalAlignment(Type type) {
  int64_t bits = getElementTypeOrSelf(type).getIntOrFloatBitWidth();
  if (auto vector = dyn_cast<VectorType>(type))
    bits *= vector.getNumElements();
  return std::clamp<int64_t>(bits / 8, 1, 16);
}

Value MatmulEmitter::load(Type type, Value memref, ValueRange indices,
                          int64_t alignment) {
  if (!alignment)
    alignment = getNaturalAlignment(type);
  return quant_tile::LoadOp::create(*this, type, memref, indices, alignment);
}

Value MatmulEmitter::loadShared(Type type, Value memref, ValueRange indices,
                                int64_t alignment) {
  if (!problem.schedule.getDependentLaunch())
    return load(type, memref, indices, alignment);
  if (!alignment)
    alignment = getNaturalAlignment(type);
  if (auto vector = dyn_cast<VectorType>(type))
    return vector::LoadOp::create(*this, vector, memref, indices,
                                  /*nontemporal=*/false,
                                  llvm::MaybeAlign(alignment));
  return memref::LoadOp::create(*this, memref, indices);
}

Value MatmulEmitter::firstRowOfBatch(Value rowsOfBatch) {
  return batch ? mul(batch, rowsOfBatch) : index(0);
}

Value MatmulEmitter::loadActivations(Value row, Value column, bool guarded,
                                     int64_t run) {
  Type element = problem.lhsElement;
  int64_t bytes = element.getIntOrFloatBitWidth() / 8;
  auto vector = VectorType::get({run}, element);
  Value first = mul(row, problem.k);
  int64_t alignment = std::max<int64_t>(
      std::min<int64_t>(problem.schedule.getCopy(), run * bytes), bytes);
  if (!guarded)
    return loadShared(vector, lhs, add(first, column), alignment);
  if (problem.k % run == 0) {
    Value inside = less(column, index(problem.k));
    Value safe = select(inside, column, index(0));
    Value values = loadShared(vector, lhs, add(first, safe), alignment);
    return select(inside, values, floatConstant(vector, 0.0));
  }
  Value zero = floatConstant(element, 0.0);
  Value values = floatConstant(vector, 0.0);
  for (int64_t i = 0; i < run; ++i) {
    Value here = add(column, i);
    Value inside = less(here, index(problem.k));
    Value safe = select(inside, here, index(0));
    Value value = loadShared(element, lhs, add(first, safe));
    values =
        vector::InsertOp::create(*this, select(inside, value, zero), values, i);
  }
  return values;
}

Value MatmulEmitter::mmaOperand(Value word) {
  if (problem.lhsElement.isF16())
    return bitcast(VectorType::get({2}, getF16Type()), word);
  return bitcast(getI32Type(), word);
}

SmallVector<Value> MatmulEmitter::mma(ArrayRef<Value> a, ArrayRef<Value> b,
                                      ArrayRef<Value> c) {
  using NVVM::MMATypes;
  auto resultType = LLVM::LLVMStructType::getLiteral(
      getContext(), SmallVector<Type>(4, problem.accumulator));
  auto getElements = [&](Value result) {
    SmallVector<Value> elements;
    for (int64_t e = 0; e < 4; ++e)
      elements.push_back(LLVM::ExtractValueOp::create(*this, result, e));
    return elements;
  };
  if (problem.isFloat8()) {
    // NVVM's op has no 8-bit floats.
    auto name = [](Type type) {
      return isa<Float8E5M2Type>(type) ? "e5m2" : "e4m3";
    };
    SmallVector<Value> operands(a);
    llvm::append_range(operands, b);
    llvm::append_range(operands, c);
    auto intrinsic = getStringAttr(
        llvm::formatv("llvm.nvvm.mma.m16n8k32.row.col.f32.{0}.{1}.f32",
                      name(problem.rhsElement), name(problem.lhsElement)));
    return getElements(
        LLVM::CallIntrinsicOp::create(*this, resultType, intrinsic, operands)
            .getResult(0));
  }
  std::optional<std::array<MMATypes, 2>> types;
  std::optional<NVVM::MMAIntOverflow> overflow;
  bool isInteger = problem.lhsElement.isInteger();
  if (isInteger) {
    auto type = [](bool isUnsigned) {
      return isUnsigned ? MMATypes::u8 : MMATypes::s8;
    };
    ScaledMatmulOp op = problem.op;
    types = {type(op.getRhsUnsigned()), type(op.getLhsUnsigned())};
    overflow = NVVM::MMAIntOverflow::wrapped;
  } else {
    MMATypes type = problem.lhsElement.isF16() ? MMATypes::f16 : MMATypes::bf16;
    types = {type, type};
  }
  Value result = NVVM::MmaOp::create(
      *this, resultType, a, b, c, {16, 8, isInteger ? 32 : 16},
      /*b1Op=*/std::nullopt, overflow, types,
      std::array<NVVM::MMALayout, 2>{NVVM::MMALayout::row,
                                     NVVM::MMALayout::col});
  return getElements(result);
}

void MatmulEmitter::waitForDependencies() {
  if (!problem.schedule.getDependentLaunch())
    return;
  NVVM::GriddepcontrolOp::create(*this,
                                 NVVM::GridDepActionKind::launch_dependents);
  NVVM::GriddepcontrolOp::create(*this, NVVM::GridDepActionKind::wait);
}
