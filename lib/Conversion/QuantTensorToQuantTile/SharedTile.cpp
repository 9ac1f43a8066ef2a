//===- SharedTile.cpp - Rows of a matrix in swizzled shared memory --------===//

#include "SharedTile.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace quantmlir;
using quant_tensor::FragmentLayout;

/// `bytes` seen as elements of type `element`.
static Value viewAs(MatmulEmitter &b, Value bytes, Type element) {
  auto type = cast<MemRefType>(bytes.getType());
  int64_t size = type.getDimSize(0) / (element.getIntOrFloatBitWidth() / 8);
  return memref::ViewOp::create(b,
                                MemRefType::get({size}, element,
                                                MemRefLayoutAttrInterface(),
                                                type.getMemorySpace()),
                                bytes, b.index(0), ValueRange());
}

/// The low three bits of `row`, reversed.
static Value swizzle(MatmulEmitter &b, Value row) {
  Value low = b.rem(row, 8);
  Value bit0 = b.mul(b.rem(low, 2), 4);
  Value bit1 = b.mul(b.rem(b.div(low, 2), 2), 2);
  return b.add(b.add(bit0, bit1), b.div(low, 4));
}

static Value exclusiveOr(MatmulEmitter &b, Value x, Value y) {
  return b.createOrFold<arith::XOrIOp>(x, y);
}

SharedTile::SharedTile(MatmulEmitter &b, Value source, Value limit,
                       Value firstRow, int64_t tileRows, int64_t tileColumns,
                       Value bytes, int64_t stageBytes, int64_t offset)
    : b(b), source(source),
      element(cast<MemRefType>(source.getType()).getElementType()),
      tileRows(tileRows), tileColumns(tileColumns),
      elementBytes(element.getIntOrFloatBitWidth() / 8),
      panelColumns(panelBytes / elementBytes), stageBytes(stageBytes),
      offset(offset) {
  elements = viewAs(b, bytes, element);
  words = viewAs(b, bytes, b.getI32Type());
  this->limit = limit;
  this->firstRow = firstRow;
  // What cp.async cannot copy goes through registers, 16 bytes at a time.
  // Whether rows of unknown length are aligned is asked at run time.
  bool isAsync = b.problem.schedule.getCopy() >= 4;
  copyBytes = isAsync ? b.problem.schedule.getCopy() : 16;
  copyCount = tileRows * tileColumns * elementBytes / copyBytes;
  if (!isAsync)
    return;
  if (ShapedType::isDynamic(b.problem.k))
    isAligned =
        arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                              b.rem(b.k, copyBytes / elementBytes), b.index(0));
  int64_t threads = b.problem.schedule.getThreads();
  for (int64_t first = 0; first < copyCount; first += threads) {
    Value id = b.add(b.thread, first);
    bool isPartial = first + threads > copyCount;
    copies.push_back(
        {makeCopy(id), isPartial ? b.less(id, b.index(copyCount)) : Value()});
  }
}

SharedTile::Copy SharedTile::makeCopy(Value id) {
  int64_t perRow = panelBytes / copyBytes;
  Value line = b.div(id, perRow);
  Value byte = b.mul(b.rem(id, perRow), copyBytes);
  Value panel = b.div(line, tileRows), row = b.rem(line, tileRows);
  Value matrixRow = b.add(firstRow, row);
  Copy copy;
  copy.inside = b.less(matrixRow, limit);
  copy.sourceRow = b.mul(b.select(copy.inside, matrixRow, b.index(0)), b.k);
  copy.column = b.add(b.mul(panel, panelColumns), b.div(byte, elementBytes));
  copy.place = b.div(place(panel, row, byte), elementBytes);
  return copy;
}

/// Byte offset within a stage of byte `byte` of a row of a panel.
Value SharedTile::place(Value panel, Value row, Value byte) {
  Value chunk = exclusiveOr(b, b.div(byte, 16), swizzle(b, row));
  Value line = b.add(b.mul(panel, tileRows), row);
  return b.add(b.add(b.mul(line, panelBytes), b.mul(chunk, 16)),
               b.add(b.rem(byte, 16), offset));
}

void SharedTile::copyAsync(const Copy &copy, Value firstColumn, Value stage) {
  Value column = b.add(firstColumn, copy.column);
  Value to = b.add(b.mul(stage, stageBytes / elementBytes), copy.place);
  // Rows are aligned to a copy, so each copy is inside or outside.
  Value inside = copy.inside;
  if (ShapedType::isDynamic(b.problem.k) || b.problem.k % tileColumns) {
    Value insideColumns = b.less(column, b.k);
    column = b.select(insideColumns, column, b.index(0));
    inside = b.createOrFold<arith::AndIOp>(inside, insideColumns);
  }
  int64_t count = copyBytes / elementBytes;
  nvgpu::DeviceAsyncCopyOp::create(
      b, nvgpu::DeviceAsyncTokenType::get(b.getContext()), elements,
      ValueRange{to}, source, ValueRange{b.add(copy.sourceRow, column)},
      b.getIndexAttr(count), b.select(inside, b.index(count), b.index(0)),
      copyBytes == 16 ? b.getUnitAttr() : UnitAttr());
}

void SharedTile::copyThroughRegisters(const Copy &copy, Value firstColumn,
                                      Value stage) {
  Value column = b.add(firstColumn, copy.column);
  Value to = b.add(b.mul(stage, stageBytes / elementBytes), copy.place);
  int64_t count = copyBytes / elementBytes;
  auto vector = VectorType::get({count}, element);
  Value values = arith::ConstantOp::create(b, b.getZeroAttr(vector));
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(element));
  for (int64_t i = 0; i < count; ++i) {
    Value here = b.add(column, i);
    Value inside =
        b.createOrFold<arith::AndIOp>(copy.inside, b.less(here, b.k));
    Value from = b.add(copy.sourceRow, b.select(inside, here, b.index(0)));
    Value value = b.select(inside, b.load(element, source, from), zero);
    values = vector::InsertOp::create(b, value, values, i);
  }
  vector::StoreOp::create(b, values, elements, ValueRange{to},
                          /*nontemporal=*/false, llvm::MaybeAlign(16));
}

void SharedTile::copy(Value firstColumn, Value stage) {
  auto asynchronously = [&] {
    for (const auto &[copy, active] : copies) {
      if (active)
        b.ifThen(active,
                 [&, &copy = copy] { copyAsync(copy, firstColumn, stage); });
      else
        copyAsync(copy, firstColumn, stage);
    }
  };
  auto throughRegisters = [&] {
    // A loop, since unrolled copies would take all registers.
    b.loop(b.thread, b.index(copyCount),
           b.index(b.problem.schedule.getThreads()), ValueRange(),
           [&](Value id, ValueRange) {
             copyThroughRegisters(makeCopy(id), firstColumn, stage);
             return SmallVector<Value>();
           });
  };
  if (isAligned)
    b.ifThen(isAligned, asynchronously, throughRegisters);
  else if (!copies.empty())
    asynchronously();
  else
    throughRegisters();
}

void SharedTile::beginReads(Value stage, Value row, Value panel) {
  laneOffset.clear();
  Value first = b.add(b.mul(stage, stageBytes / 4),
                      b.add(b.mul(b.mul(panel, tileRows), panelBytes / 4),
                            b.mul(row, panelBytes / 4)));
  Value bits = swizzle(b, b.g);
  int64_t segments = panelColumns / FragmentLayout::segmentColumns;
  // Eight elements: one chunk at 16 bits, half a chunk at 8 bits.
  int64_t runBytes = FragmentLayout::runColumns * elementBytes;
  for (int64_t s = 0; s < segments; ++s) {
    Value byte = b.add(b.mul(b.t, runBytes),
                       s * FragmentLayout::segmentColumns * elementBytes);
    Value chunk = exclusiveOr(b, b.div(byte, 16), bits);
    laneOffset.push_back(b.add(b.add(first, b.mul(chunk, 4)),
                               b.add(b.div(b.rem(byte, 16), 4), offset / 4)));
  }
}

SmallVector<Value> SharedTile::read(int64_t segment, int64_t rowOffset) {
  int64_t perPanel = laneOffset.size();
  int64_t count = FragmentLayout::runColumns * elementBytes / 4;
  int64_t line = segment / perPanel * tileRows + rowOffset;
  Value at = b.add(laneOffset[segment % perPanel], line * panelBytes / 4);
  Value vector = vector::LoadOp::create(
      b, VectorType::get({count}, b.getI32Type()), words, ValueRange{at},
      /*nontemporal=*/false, llvm::MaybeAlign(count * 4));
  SmallVector<Value> result;
  for (int64_t i = 0; i < count; ++i)
    result.push_back(b.element(vector, i));
  return result;
}
