//===- MatmulEmitter.cpp - What every matmul kernel is made of ------------===//

#include "MatmulEmitter.h"

#include "FlatMemref.h"

#include "mlir/Dialect/Affine/Utils.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace quantmlir;
using quant_tensor::FragmentLayout;
using quant_tensor::ScaledMatmulOp;

int64_t MatmulProblem::getRowGroup() const {
  return encoding ? encoding.getBlockExtent(0, n) : n;
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

  blockX = gpu::BlockIdOp::create(*this, gpu::Dimension::x);
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

Value MatmulEmitter::loadActivations(Value row, Value column, bool guarded) {
  constexpr int64_t run = FragmentLayout::runColumns;
  Type element = problem.lhsElement;
  auto vector = VectorType::get({run}, element);
  Value first = mul(row, problem.k);
  int64_t alignment = std::max<int64_t>(problem.schedule.getCopy(),
                                        element.getIntOrFloatBitWidth() / 8);
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
  auto resultType = LLVM::LLVMStructType::getLiteral(
      getContext(), SmallVector<Type>(4, problem.accumulator));
  Value result = NVVM::MmaOp::create(
      *this, resultType, a, b, c, {16, 8, isInteger ? 32 : 16},
      /*b1Op=*/std::nullopt, overflow, types,
      std::array<NVVM::MMALayout, 2>{NVVM::MMALayout::row,
                                     NVVM::MMALayout::col});
  SmallVector<Value> elements;
  for (int64_t e = 0; e < 4; ++e)
    elements.push_back(LLVM::ExtractValueOp::create(*this, result, e));
  return elements;
}

void MatmulEmitter::waitForDependencies() {
  if (!problem.schedule.getDependentLaunch())
    return;
  NVVM::GriddepcontrolOp::create(*this,
                                 NVVM::GridDepActionKind::launch_dependents);
  NVVM::GriddepcontrolOp::create(*this, NVVM::GridDepActionKind::wait);
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

Value MatmulEmitter::firstRowOfBatch(Value rowsOfBatch) {
  return batch ? mul(batch, rowsOfBatch) : index(0);
}

Value MatmulEmitter::getVectorPosition(Value g, Value t) {
  return add(mul(g, 4), rem(add(t, div(g, 2)), 4));
}

SmallVector<Value> MatmulEmitter::loadWeights(Value row, Value column,
                                              bool inBounds) {
  auto type = cast<MemRefType>(codes.getType());
  if (!inBounds) {
    row = min(row, index(type.getDimSize(0) - 1));
    column = min(column, index(type.getDimSize(1) - 1));
  }
  int64_t width = layout->getVectorWords();
  auto vector = VectorType::get({width}, getI32Type());
  Value first = mul(getVectorPosition(g, t), width);
  SmallVector<Value> words;
  for (int64_t i = 0; i < layout->getWordsPerLane(); i += width)
    words.push_back(load(vector, codes,
                         {row, column, add(first, i * FragmentLayout::lanes)}));
  return words;
}

Value MatmulEmitter::decode(ArrayRef<Value> words, int64_t segment,
                            int64_t step, int64_t p, Type type, bool biased) {
  int64_t width = layout->getVectorWords();
  auto wordAt = [&](int64_t word) {
    return element(words[word / width], word % width);
  };
  SmallVector<quant_tensor::FragmentPiece> pieces =
      layout->getRegister(segment, step, p);
  Value word = wordAt(pieces[0].word);
  int64_t pair = pieces[0].first / layout->getPairStride();
  if (pieces.size() > 1) {
    // Move each piece to where it is in a code, and take those below from what
    // is there already.
    auto moved = [&](const quant_tensor::FragmentPiece &piece) {
      return createOrFold<arith::ShRUIOp>(
          wordAt(piece.word), wordConstant(piece.first - piece.codeBit));
    };
    word = moved(pieces[0]);
    pair = 0;
    constexpr uint32_t kSelect = 0xe4; // c ? a : b
    for (const quant_tensor::FragmentPiece &piece :
         ArrayRef(pieces).drop_front()) {
      uint32_t below = (1u << piece.codeBit) - 1;
      word = quant_tile::Lop3Op::create(*this, getI32Type(), word, moved(piece),
                                        wordConstant(below << 16 | below),
                                        getI32IntegerAttr(kSelect));
    }
  }
  return quant_tile::DecodeOp::create(
      *this, VectorType::get({2}, type), word, static_cast<uint32_t>(pair),
      problem.encoding.getStorage(), biased, problem.encoding.getCodebook());
}

Value MatmulEmitter::loadParameters(Value memref, Value row, Value group,
                                    int64_t count) {
  Type type = cast<MemRefType>(memref.getType()).getElementType();
  if (count > 1)
    type = VectorType::get({count}, type);
  return load(type, memref, {div(row, problem.getRowGroup()), group});
}

Value MatmulEmitter::loadBlockScale(bool isLhs, Value row, Value column) {
  ScaledMatmulOp op = problem.op;
  quant_tensor::EncodingAttr encoding =
      isLhs ? op.getLhsEncoding() : op.getRhsEncoding();
  int64_t dims = encoding.getBlock().size();
  int64_t extent = encoding.getBlockExtent(dims - 1, problem.k);
  Value group = div(column, extent);
  if (isLhs)
    return scaleToF32(
        loadShared(encoding.getScale(), lhsScales,
                   add(mul(row, llvm::divideCeil(problem.k, extent)), group)));
  return scaleToF32(
      load(encoding.getScale(), scales,
           {div(row, encoding.getBlockExtent(0, problem.n)), group}));
}

Value MatmulEmitter::loadScale(Value row, Value group) {
  return loadParameters(scales, row, group, 1);
}

Value MatmulEmitter::loadZeroPoint(Value row, Value group) {
  return loadParameters(zeroPoints, row, group, 1);
}

Value MatmulEmitter::scaleToF32(Value scale) {
  Type f32 = getF32Type();
  Type type = scale.getType();
  if (type == f32)
    return scale;
  if (type.isBF16() || type.isF16())
    return arith::ExtFOp::create(*this, f32, scale);
  // 8-bit floats: no target converts them alone, so their bits are moved.
  Value bits = arith::ExtUIOp::create(
      *this, getI32Type(), arith::BitcastOp::create(*this, getI8Type(), scale));
  auto word = [&](uint32_t value) { return wordConstant(value); };
  if (isa<Float8E8M0FNUType>(type)) {
    // The exponent of f32, except 0, which is 2^-127 and subnormal there, and
    // 255, which is NaN where f32 has infinity: that would not do, as an
    // epilogue may make a number of it. Infinity times zero is NaN; a select
    // costs a register more, which makes kernels that stream spill.
    Value moved = arith::MaxUIOp::create(
        *this, arith::ShLIOp::create(*this, bits, word(23)), word(0x00400000));
    Value value = arith::BitcastOp::create(*this, f32, moved);
    return fma(value, floatConstant(f32, 0.0), value);
  }
  // f8E4M3FN: fields moved into place mean the value times 2^-120.
  Value fields = arith::AndIOp::create(*this, bits, word(0x7f));
  Value sign = arith::ShLIOp::create(
      *this, arith::AndIOp::create(*this, bits, word(0x80)), word(24));
  Value moved = arith::OrIOp::create(
      *this, arith::ShLIOp::create(*this, fields, word(20)), sign);
  Value value =
      arith::MulFOp::create(*this, arith::BitcastOp::create(*this, f32, moved),
                            floatConstant(f32, std::ldexp(1.0, 120)));
  Value nan = arith::CmpIOp::create(*this, arith::CmpIPredicate::eq, fields,
                                    word(0x7f));
  return arith::SelectOp::create(
      *this, nan, arith::BitcastOp::create(*this, f32, word(0x7fc00000)),
      value);
}

Value MatmulEmitter::zeroPointToF32(Value zeroPoint) {
  Type f32 = getF32Type();
  if (zeroPoint.getType() == f32)
    return zeroPoint;
  if (isa<FloatType>(zeroPoint.getType()))
    return arith::ExtFOp::create(*this, f32, zeroPoint);
  if (problem.encoding.getZeroPoint().isUnsignedInteger())
    return arith::UIToFPOp::create(*this, f32, zeroPoint);
  return arith::SIToFPOp::create(*this, f32, zeroPoint);
}

Value MatmulEmitter::subtractZeroPoint(Value values, Value zeroPoint) {
  Value zero = zeroPointToF32(zeroPoint);
  auto pair = cast<VectorType>(values.getType());
  if (isa<IntegerType>(zeroPoint.getType()) &&
      zeroPoint.getType().getIntOrFloatBitWidth() <= 8) {
    // Codes and zero points of up to 8 bits: the difference is exact.
    Value narrow = arith::TruncFOp::create(*this, pair.getElementType(), zero);
    return arith::SubFOp::create(
        *this, values, vector::BroadcastOp::create(*this, pair, narrow));
  }
  auto wide = VectorType::get({2}, getF32Type());
  Value difference =
      arith::SubFOp::create(*this, arith::ExtFOp::create(*this, wide, values),
                            vector::BroadcastOp::create(*this, wide, zero));
  return arith::TruncFOp::create(*this, pair, difference);
}

Value MatmulEmitter::multiplyByScale(Value values, Value scale) {
  auto pair = cast<VectorType>(values.getType());
  Value narrow = arith::TruncFOp::create(*this, pair.getElementType(), scale);
  return arith::MulFOp::create(
      *this, values, vector::BroadcastOp::create(*this, pair, narrow));
}

//===----------------------------------------------------------------------===//
// Epilogue
//===----------------------------------------------------------------------===//

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

Value MatmulEmitter::runEpilogue(Value accumulator, ArrayRef<Value> operands) {
  ScaledMatmulOp op = problem.op;
  Block &body = op.getEpilogue().front();
  IRMapping mapping;
  mapping.map(body.getArgument(0), accumulator);
  for (auto [argument, operand] :
       llvm::zip_equal(body.getArguments().drop_front(), operands))
    mapping.map(argument, operand);
  for (Operation &inner : body.without_terminator())
    clone(inner, mapping);
  return mapping.lookupOrDefault(body.getTerminator()->getOperand(0));
}

Value MatmulEmitter::epilogue(Value accumulator, Value row, Value column) {
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
  return runEpilogue(accumulator, operands);
}

/// Whether `map` reads neighbours in `type` where n is even and n + 1: n is the
/// last index and none else, and rows have an even length.
static bool readsPairs(AffineMap map, MemRefType type) {
  unsigned n = map.getNumDims() - 1;
  if (map.getNumResults() == 0 ||
      map.getResults().back() != getAffineDimExpr(n, map.getContext()) ||
      type.getElementTypeBitWidth() < 8)
    return false;
  for (AffineExpr expr : map.getResults().drop_back())
    if (expr.isFunctionOfDim(n))
      return false;
  int64_t length = type.getShape().back();
  return !ShapedType::isDynamic(length) && length % 2 == 0;
}

SmallVector<Value> MatmulEmitter::epiloguePair(ArrayRef<Value> accumulators,
                                               Value row,
                                               ArrayRef<Value> columns) {
  ScaledMatmulOp op = problem.op;
  bool isOdd = problem.n % 2;
  SmallVector<SmallVector<Value>> operands(2);
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
    if (!isOdd && readsPairs(map, type)) {
      Value both = loadShared(VectorType::get({2}, element), memref, at(0));
      for (int64_t j = 0; j < 2; ++j)
        operands[j].push_back(this->element(both, j));
      continue;
    }
    for (int64_t j = 0; j < 2; ++j)
      operands[j].push_back(loadShared(element, memref, at(j)));
  }
  return {runEpilogue(accumulators[0], operands[0]),
          runEpilogue(accumulators[1], operands[1])};
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
      Value atColumn = clamp(column, n, readsColumn);
      SmallVector<Value, 8> indices = *affine::expandAffineMap(
          *this, getLoc(), map, outputPosition(atRow, atColumn));
      prefetch(memref, indices);
    });
  }
}

void MatmulEmitter::prefetch(Value memref, ValueRange indices) {
  auto type = cast<MemRefType>(memref.getType());
  Value linear = index(0);
  for (auto [dim, at] : llvm::enumerate(indices)) {
    Value size = type.isDynamicDim(dim)
                     ? memref::DimOp::create(*this, memref, dim).getResult()
                     : index(type.getDimSize(dim));
    linear = add(mul(linear, size), at);
  }
  Value start = memref::ExtractAlignedPointerAsIndexOp::create(*this, memref);
  Value byte = add(
      start, mul(linear, llvm::divideCeil(type.getElementTypeBitWidth(), 8)));
  Value pointer = LLVM::IntToPtrOp::create(
      *this, LLVM::LLVMPointerType::get(getContext(), 1),
      createOrFold<arith::IndexCastOp>(getI64Type(), byte));
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
