//===- MatmulEpilogue.cpp - From accumulators to the result ---------------===//

#include "MatmulEmitter.h"

#include "mlir/Dialect/Affine/Utils.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace quantmlir;
using quant_tensor::ScaledMatmulOp;

SmallVector<Value> MatmulEmitter::outputPosition(Value row, Value column) {
  auto type = cast<MemRefType>(out.getType());
  int64_t rank = type.getRank();
  SmallVector<Value> position(rank);
  position[rank - 1] = column;
  for (int64_t dim = rank - 2; dim > 0; --dim) {
    Value size = type.isDynamicDim(dim)
                     ? memref::DimOp::create(*this, out, dim).getResult()
                     : index(type.getDimSize(dim));
    position[dim] = createOrFold<arith::RemUIOp>(row, size);
    row = createOrFold<arith::DivUIOp>(row, size);
  }
  position[0] = row;
  return position;
}

Value MatmulEmitter::runEpilogue(ArrayRef<Value> accumulators,
                                 ArrayRef<Value> operands) {
  ScaledMatmulOp op = problem.op;
  Block &body = op.getEpilogue().front();
  IRMapping mapping;
  for (auto [argument, value] :
       llvm::zip_equal(body.getArguments(),
                       llvm::concat<const Value>(accumulators, operands)))
    mapping.map(argument, value);
  for (Operation &inner : body.without_terminator())
    clone(inner, mapping);
  return mapping.lookupOrDefault(body.getTerminator()->getOperand(0));
}

Value MatmulEmitter::getPairOfLane() {
  return add(div(g, 2), mul(rem(g, 2), 4));
}

SmallVector<Value> MatmulEmitter::exchangePair(Value sum, Value sumEightOn) {
  // Lanes of an even row g get that of g + 1 for theirs of g + 8, which is what
  // the lane of g + 1 wants beside its own of g + 9.
  Value isOdd = createOrFold<arith::CmpIOp>(arith::CmpIPredicate::ne, rem(g, 2),
                                            index(0));
  Value other = gpu::ShuffleOp::create(*this, select(isOdd, sum, sumEightOn),
                                       wordConstant(4), wordConstant(32),
                                       gpu::ShuffleMode::XOR)
                    .getShuffleResult();
  return {select(isOdd, other, sum), select(isOdd, sumEightOn, other)};
}

SmallVector<Value> MatmulEmitter::loadEpilogue(Value row, Value column) {
  ScaledMatmulOp op = problem.op;
  SmallVector<Value> operands;
  if (!epilogueArgs.empty()) {
    SmallVector<Value> position = outputPosition(row, column);
    for (auto [i, memref] : llvm::enumerate(epilogueArgs)) {
      SmallVector<Value, 8> indices = *affine::expandAffineMap(
          *this, getLoc(), op.getEpilogueMap(i), position);
      Type type = cast<MemRefType>(memref.getType()).getElementType();
      operands.push_back(loadShared(type, memref, indices));
    }
  }
  return operands;
}

Value MatmulEmitter::epilogue(ArrayRef<Value> accumulators, Value row,
                              Value column) {
  return runEpilogue(accumulators, loadEpilogue(row, column));
}

/// Trailing results of `map` that only have a first place in `type`, where all
/// but one are such: scales of columns may be N x 1.
static int64_t countTrailingUnits(AffineMap map, MemRefType type) {
  int64_t units = 0;
  for (auto [expr, extent] : llvm::zip_equal(llvm::reverse(map.getResults()),
                                             llvm::reverse(type.getShape()))) {
    if (extent != 1 || expr != getAffineConstantExpr(0, map.getContext()))
      break;
    ++units;
  }
  return units == type.getRank() - 1 ? units : 0;
}

/// Whether `map` reads neighbours in `type` where n is even and n + 1: but for
/// `units` trailing ones, n is the last index and none else, and rows have an
/// even length.
static bool readsPairs(AffineMap map, MemRefType type, int64_t units) {
  unsigned n = map.getNumDims() - 1;
  ArrayRef<AffineExpr> results = map.getResults().drop_back(units);
  if (results.empty() ||
      results.back() != getAffineDimExpr(n, map.getContext()) ||
      type.getElementTypeBitWidth() < 8 || !type.getLayout().isIdentity())
    return false;
  for (AffineExpr expr : results.drop_back())
    if (expr.isFunctionOfDim(n))
      return false;
  int64_t length = type.getShape().drop_back(units).back();
  return !ShapedType::isDynamic(length) && length % 2 == 0;
}

/// `memref` without its last `units` dimensions, which are 1; one is left.
static Value dropTrailingUnits(ImplicitLocOpBuilder &b, Value memref,
                               int64_t units) {
  auto type = cast<MemRefType>(memref.getType());
  if (!units)
    return memref;
  int64_t length = type.getDimSize(0);
  return memref::ReinterpretCastOp::create(
      b, MemRefType::get({length}, type.getElementType()), memref,
      OpFoldResult(b.getIndexAttr(0)),
      ArrayRef<OpFoldResult>{b.getIndexAttr(length)},
      ArrayRef<OpFoldResult>{b.getIndexAttr(1)});
}

MatmulEmitter::PairOperands
MatmulEmitter::loadEpiloguePair(Value row, ArrayRef<Value> columns) {
  ScaledMatmulOp op = problem.op;
  bool isOdd = problem.getOutColumns() % 2;
  PairOperands operands;
  SmallVector<SmallVector<Value>> positions;
  if (!epilogueArgs.empty())
    for (Value at : columns)
      positions.push_back(outputPosition(row, at));
  for (auto [i, memref] : llvm::enumerate(epilogueArgs)) {
    AffineMap map = op.getEpilogueMap(i);
    auto type = cast<MemRefType>(memref.getType());
    Type element = type.getElementType();
    auto at = [&](int64_t j) {
      return *affine::expandAffineMap(*this, getLoc(), map, positions[j]);
    };
    int64_t units = countTrailingUnits(map, type);
    if (!isOdd && readsPairs(map, type, units)) {
      SmallVector<Value, 8> position = at(0);
      Value both = loadShared(VectorType::get({2}, element),
                              dropTrailingUnits(*this, memref, units),
                              ValueRange(position).drop_back(units));
      for (int64_t j = 0; j < 2; ++j)
        operands[j].push_back(this->element(both, j));
      continue;
    }
    for (int64_t j = 0; j < 2; ++j)
      operands[j].push_back(loadShared(element, memref, at(j)));
  }
  return operands;
}

SmallVector<Value>
MatmulEmitter::runEpiloguePair(ArrayRef<Value> accumulators,
                               const PairOperands &operands) {
  return {runEpilogue(accumulators[0], operands[0]),
          runEpilogue(accumulators[1], operands[1])};
}

bool MatmulEmitter::readsVectors() {
  ScaledMatmulOp op = problem.op;
  for (size_t i = 0; i < epilogueArgs.size(); ++i) {
    AffineMap map = op.getEpilogueMap(i);
    unsigned last = map.getNumDims() - 1;
    if (!map.isFunctionOfDim(last))
      continue;
    for (unsigned dim = 0; dim < last; ++dim)
      if (map.isFunctionOfDim(dim))
        return false;
  }
  return true;
}

void MatmulEmitter::prefetchEpilogue(Value row, Value column, int64_t height,
                                     int64_t width, Value member) {
  constexpr int64_t line = 128;
  ScaledMatmulOp op = problem.op;
  for (auto [i, argument] : llvm::enumerate(epilogueArgs)) {
    // C++17 captures no structured binding, and the lambda below needs it.
    Value memref = argument;
    AffineMap map = op.getEpilogueMap(i);
    unsigned last = map.getNumDims() - 1;
    bool readsColumn = map.isFunctionOfDim(last), readsRow = false;
    for (unsigned dim = 0; dim < last; ++dim)
      readsRow |= map.isFunctionOfDim(dim);
    if (readsColumn == readsRow)
      continue;
    auto type = cast<MemRefType>(memref.getType());
    int64_t bytes = llvm::divideCeil(type.getElementTypeBitWidth(), 8);
    int64_t extent = readsRow ? height : width;
    // What starts within a line ends one line later.
    int64_t lines = llvm::divideCeil(extent * bytes, line) + 1;
    ifThen(less(member, index(lines)), [&] {
      Value offset = mul(member, line / bytes);
      auto clamp = [&](Value first, Value count, bool moves) {
        return min(moves ? add(first, offset) : first, sub(count, 1));
      };
      Value atRow = clamp(row, rows, readsRow);
      Value atColumn = clamp(column, outColumns, readsColumn);
      SmallVector<Value, 8> indices = *affine::expandAffineMap(
          *this, getLoc(), map, outputPosition(atRow, atColumn));
      prefetch(memref, indices);
    });
  }
}

Value MatmulEmitter::getAddress(Value memref, Value index) {
  auto type = cast<MemRefType>(memref.getType());
  Value start = memref::ExtractAlignedPointerAsIndexOp::create(*this, memref);
  Value byte = add(
      start, mul(index, llvm::divideCeil(type.getElementTypeBitWidth(), 8)));
  return LLVM::IntToPtrOp::create(
      *this, LLVM::LLVMPointerType::get(getContext(), 1),
      createOrFold<arith::IndexCastOp>(getI64Type(), byte));
}

Value MatmulEmitter::getAddress(Value memref, ValueRange indices) {
  auto type = cast<MemRefType>(memref.getType());
  Value linear = index(0);
  for (auto [dim, at] : llvm::enumerate(indices)) {
    Value size = type.isDynamicDim(dim)
                     ? memref::DimOp::create(*this, memref, dim).getResult()
                     : index(type.getDimSize(dim));
    linear = add(mul(linear, size), at);
  }
  return getAddress(memref, linear);
}

void MatmulEmitter::prefetch(Value memref, ValueRange indices) {
  Value pointer = getAddress(memref, indices);
  NVVM::PrefetchOp::create(
      *this,
      NVVM::PrefetchCacheLevelAttr::get(getContext(),
                                        NVVM::PrefetchCacheLevel::L1),
      /*evictPriority=*/NVVM::CacheEvictionPriorityAttr(), pointer,
      /*predicate=*/Value(), /*tensormap=*/UnitAttr(), /*uniform=*/UnitAttr(),
      /*in_param_space=*/UnitAttr());
}

Type MatmulEmitter::getOutElement() {
  return cast<MemRefType>(out.getType()).getElementType();
}

void MatmulEmitter::store(Value value, Value row, Value column) {
  memref::StoreOp::create(*this, value, out, outputPosition(row, column));
}
