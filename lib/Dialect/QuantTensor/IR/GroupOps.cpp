//===- GroupOps.cpp - Groups of columns that an index gives ---------------===//
//
// Verifiers of dequantize_indexed and order_groups. The comments quote the
// constraints' numbers in QuantTensorOps.td.
//
//===----------------------------------------------------------------------===//

#include "VerifyUtils.h"

#include "mlir/IR/Matchers.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace quantmlir::quant_tensor;

/// Checks that `groups`, whose elements are known, puts as many of the columns
/// into each group as a block of `extent` has.
static LogicalResult verifyCounts(Operation *op, DenseElementsAttr groups,
                                  int64_t columns, int64_t extent) {
  int64_t count = (columns + extent - 1) / extent;
  SmallVector<int64_t> sizes(count, 0);
  for (auto [column, group] : llvm::enumerate(groups.getValues<int32_t>())) {
    if (group < 0 || group >= count)
      return op->emitOpError() << "groups puts column " << column
                               << " into group " << group << " of " << count;
    ++sizes[group];
  }
  for (auto [group, size] : llvm::enumerate(sizes)) {
    int64_t expected = std::min<int64_t>(
        extent, columns - static_cast<int64_t>(group) * extent);
    if (size != expected)
      return op->emitOpError()
             << "groups puts " << size << " columns into group " << group
             << ", whose block has " << expected;
  }
  return success();
}

/// (C1) to (C3).
static LogicalResult verifyGroups(Operation *op, RankedTensorType source,
                                  Value groups) {
  if (failed(verifyEncodedType(op, "source", source)))
    return failure();
  // (C1)
  EncodingAttr encoding = getEncoding(source);
  if (source.getRank() != 2 || !source.hasStaticShape() ||
      encoding.getBlock().back() == 0)
    return op->emitOpError()
           << "source must be a matrix of static extents with "
              "blocks of some of its columns, got "
           << source;
  // (C2)
  int64_t columns = source.getDimSize(1);
  auto expected =
      RankedTensorType::get({columns}, IntegerType::get(op->getContext(), 32));
  if (groups.getType() != expected)
    return op->emitOpError()
           << "groups must be " << expected
           << ", the group of each column, got " << groups.getType();
  // (C3)
  DenseElementsAttr known;
  if (!matchPattern(groups, m_Constant(&known)))
    return success();
  return verifyCounts(op, known, columns, encoding.getBlock().back());
}

LogicalResult DequantizeIndexedOp::verify() {
  RankedTensorType source = getSource().getType();
  RankedTensorType result = getResult().getType();
  if (failed(verifyGroups(*this, source, getGroups())))
    return failure();
  // (C4)
  if (source.getShape() != result.getShape())
    return emitOpError() << "result must have the shape of source, got "
                         << result << " for " << source;
  return verifyDecodedElement(*this, result);
}

/// What a source of that type becomes: row major, whatever its layout.
static RankedTensorType getOrderedType(RankedTensorType source) {
  return RankedTensorType::get(source.getShape(), source.getElementType(),
                               getEncoding(source).withLayout({}));
}

void OrderGroupsOp::build(OpBuilder &builder, OperationState &state,
                          Value source, Value groups) {
  auto sorted = getOrderedType(cast<RankedTensorType>(source.getType()));
  build(builder, state, sorted, groups.getType(), groups.getType(), source,
        groups);
}

LogicalResult OrderGroupsOp::verify() {
  RankedTensorType source = getSource().getType();
  if (failed(verifyGroups(*this, source, getGroups())))
    return failure();
  // (C4)
  RankedTensorType sorted = getOrderedType(source);
  if (getResult().getType() != sorted)
    return emitOpError() << "result must be " << sorted << ", got "
                         << getResult().getType();
  // (C5)
  for (Value index : {Value(getOrder()), Value(getPosition())})
    if (index.getType() != getGroups().getType())
      return emitOpError()
             << "order and position must have the type of groups, "
             << getGroups().getType() << ", got " << index.getType();
  return success();
}
