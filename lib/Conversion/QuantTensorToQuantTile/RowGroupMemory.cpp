//===- RowGroupMemory.cpp - What a thread loads and stores of its row -----===//

#include "FlatMemref.h"
#include "RowGroupBody.h"
#include "RowVectors.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::quant_tile;

/// `memref`, which is contiguous, as one dimension.
Value RowGroupBody::flatten(Value memref) {
  auto type = cast<MemRefType>(memref.getType());
  Value size = constant(1);
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    size = b.createOrFold<arith::MulIOp>(
        loc, size,
        type.isDynamicDim(dim)
            ? memref::DimOp::create(b, loc, memref, dim).getResult()
            : constant(type.getDimSize(dim)));
  return flattenMemref(b, loc, memref, size);
}

/// Rows are whole vectors, so that every vector is as aligned as it is long.
int64_t RowGroupBody::getAlignment(Type element) const {
  int64_t bytes = element.getIntOrFloatBitWidth() / 8;
  return std::min<int64_t>(16, schedule.getVector() * bytes);
}

RowGroupBody::Source RowGroupBody::findSource(Value value) {
  auto memref = memrefs.find(value);
  if (memref == memrefs.end())
    return {};
  Type element = cast<MemRefType>(memref->second.getType()).getElementType();
  Value shared = stages ? stages->find(value) : Value();
  if (shared)
    return {shared, element, Value()};
  return {memref->second, element, getFirstColumn()};
}

Value RowGroupBody::getFirstColumn() {
  return rank ? mul(rank, plan.getPartColumns()) : Value();
}

SmallVector<Value> RowGroupBody::loadVector(const Source &source, Value first) {
  Type element = source.element;
  // What all rows read may be wider than what they hold.
  int64_t width = schedule.getVector();
  int64_t part = std::min(
      width, std::max<int64_t>(1, 128 / element.getIntOrFloatBitWidth()));
  Type type = part == 1 ? element : VectorType::get({part}, element);
  SmallVector<Value> parts;
  for (int64_t i = 0; i < width; i += part) {
    Value place = add(first, constant(i));
    if (source.shift)
      place = add(place, source.shift);
    if (isa<MemRefType>(source.place.getType())) {
      parts.push_back(LoadOp::create(b, loc, type, source.place,
                                     ValueRange{place}, getAlignment(element)));
      continue;
    }
    Value address = LLVM::GEPOp::create(
        b, loc, source.place.getType(), element, source.place,
        ArrayRef<LLVM::GEPArg>{
            arith::IndexCastUIOp::create(b, loc, b.getI64Type(), place)
                .getResult()});
    parts.push_back(
        LLVM::LoadOp::create(b, loc, type, address, getAlignment(element)));
  }
  return parts;
}

SmallVector<Value> RowGroupBody::loadColumns(const Source &source,
                                             Value first) {
  SmallVector<Value> vectors;
  for (Value column : columns)
    llvm::append_range(vectors, loadVector(source, add(first, column)));
  return vectors;
}

void RowGroupBody::storeColumns(Value memref, ArrayRef<Value> elements) {
  Type element = cast<MemRefType>(memref.getType()).getElementType();
  int64_t width = schedule.getVector();
  Value first = mul(row, plan.domain.columns);
  if (rank)
    first = add(first, getFirstColumn());
  for (auto [index, column] : llvm::enumerate(columns)) {
    OpBuilder::InsertionGuard guard(b);
    if (inside[index]) {
      auto guarded = scf::IfOp::create(b, loc, inside[index],
                                       /*withElseRegion=*/false);
      b.setInsertionPoint(guarded.thenBlock()->getTerminator());
    }
    ArrayRef<Value> part = elements.slice(index * width, width);
    Value place = add(first, column);
    if (width == 1) {
      memref::StoreOp::create(b, loc, part[0], memref, place);
      continue;
    }
    Value vector = joinElements(b, loc, part);
    vector::StoreOp::create(b, loc, vector, memref, ValueRange{place},
                            /*nontemporal=*/false,
                            llvm::MaybeAlign(getAlignment(element)));
  }
}

SmallVector<Value> RowGroupBody::read(Value operand, RowAccess access) {
  Value value = skipUnitReshapes(operand);
  if (plan.isInside(value))
    return SmallVector<Value>(get(value));
  if (!isa<RankedTensorType>(value.getType()))
    return {b.clone(*value.getDefiningOp())->getResult(0)};
  auto found = known.find({value, unsigned(access)});
  if (found != known.end())
    return found->second;
  SmallVector<Value> elements;
  Source source = findSource(value);
  if (!source) {
    elements = {b.clone(*getFilledScalar(value).getDefiningOp())->getResult(0)};
  } else {
    Type element = source.element;
    auto loadOne = [&](Value index) -> SmallVector<Value> {
      return {LoadOp::create(b, loc, element, memrefs.lookup(value),
                             ValueRange{index},
                             element.getIntOrFloatBitWidth() / 8)};
    };
    auto keep = [&](Value first) {
      SmallVector<Value> vectors = loadColumns(source, first);
      if (isa<VectorType>(vectors.front().getType()))
        loaded[{value, unsigned(access)}] = vectors;
      return extractAll(b, loc, vectors);
    };
    switch (access) {
    case RowAccess::Full:
      elements = keep(stages ? constant(0) : mul(row, plan.domain.columns));
      break;
    case RowAccess::Column:
      llvm_unreachable("read where it is used");
    case RowAccess::Row:
      elements = loadOne(row);
      break;
    case RowAccess::Scalar:
      elements = loadOne(constant(0));
      break;
    }
  }
  known[{value, unsigned(access)}] = elements;
  return elements;
}

void RowGroupBody::placeColumns() {
  int64_t lanes = schedule.getLanes(), width = schedule.getVector();
  int64_t vectors = plan.getPartColumns() / width;
  if (isLazy || stages) {
    // From addresses that nobody sees to be the same. And where a lane's extent
    // is known, LLVM makes disjunctions of sums, and keeps an address for every
    // other vector.
    Value word = arith::IndexCastUIOp::create(b, loc, b.getI32Type(), lane);
    lane = arith::IndexCastUIOp::create(b, loc, b.getIndexType(),
                                        hideWord(b, loc, word));
  }
  for (int64_t first = 0; first < vectors; first += lanes) {
    Value vector = add(lane, constant(first));
    Value exists;
    if (first + lanes > vectors) {
      exists = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, vector,
                                     constant(vectors));
      vector = arith::MinUIOp::create(b, loc, vector, constant(vectors - 1));
    }
    columns.push_back(mul(vector, width));
    inside.push_back(exists);
  }
}

void RowGroupBody::loadRow() {
  if (isLazy && !isKept)
    return;
  for (auto &[op, info] : plan.ops)
    for (OpOperand *input : linalg::GenericOp(op).getDpsInputOperands()) {
      RowAccess access = info.accesses[input->getOperandNumber()];
      if (access == RowAccess::Full &&
          !plan.isInside(skipUnitReshapes(input->get())) &&
          !linalg::GenericOp(op).getMatchingBlockArgument(input).use_empty())
        read(input->get(), access);
    }
}

Value RowGroupBody::countRows() {
  Value total = memref::DimOp::create(b, loc, outMemrefs[0], constant(0));
  return plan.isFull(0) ? arith::DivUIOp::create(b, loc, total,
                                                 constant(plan.domain.columns))
                              .getResult()
                        : total;
}

void RowGroupBody::prefetchRow() {
  if (!schedule.getPrefetch())
    return;
  Value ahead = add(row, constant(schedule.getPrefetch()));
  Value isThere = arith::AndIOp::create(
      b, loc,
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, lane,
                            constant(0)),
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, ahead,
                            countRows()));
  auto guarded = scf::IfOp::create(b, loc, isThere, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(guarded.thenBlock()->getTerminator());
  for (Value value : plan.ins) {
    if (!plan.reads(value, RowAccess::Full))
      continue;
    Value memref = memrefs.lookup(value);
    int64_t bytes = plan.getRowBytes(value);
    Value address = arith::AddIOp::create(
        b, loc, memref::ExtractAlignedPointerAsIndexOp::create(b, loc, memref),
        mul(ahead, bytes));
    Value global = LLVM::IntToPtrOp::create(
        b, loc, LLVM::LLVMPointerType::get(b.getContext(), /*addressSpace=*/1),
        arith::IndexCastUIOp::create(b, loc, b.getI64Type(), address)
            .getResult());
    Value size = arith::ConstantOp::create(
        b, loc, b.getI32IntegerAttr(static_cast<int32_t>(bytes)));
    NVVM::CpAsyncBulkPrefetchOp::create(b, loc, global, size,
                                        /*l2CacheHint=*/Value());
  }
}
