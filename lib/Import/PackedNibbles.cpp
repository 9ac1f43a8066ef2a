//===- PackedNibbles.cpp - 4-bit codes put together from bytes ------------===//

#include "PackedNibbles.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::quant_tensor;

namespace {

/// Two tensors of one shape, put together along `axis`: the second follows the
/// first, or their elements alternate.
struct Join {
  Value first, second;
  int64_t axis = 0;
  bool alternates = false;
};

} // namespace

/// The source of an expansion that only adds a unit dimension at `dim`.
static Value withoutUnitDim(Value value, int64_t dim) {
  auto expand = value.getDefiningOp<tensor::ExpandShapeOp>();
  if (!expand)
    return {};
  SmallVector<int64_t> shape(expand.getResultType().getShape());
  if (shape[dim] != 1)
    return {};
  shape.erase(shape.begin() + dim);
  if (ArrayRef<int64_t>(shape) != expand.getSrcType().getShape())
    return {};
  return expand.getSrc();
}

/// concat(a, b), or its stacked form: unit dimensions added, concatenated
/// along them, and collapsed into a neighbour.
static std::optional<Join> matchConcat(Value value) {
  if (auto concat = value.getDefiningOp<tensor::ConcatOp>()) {
    if (concat.getInputs().size() != 2)
      return std::nullopt;
    return Join{concat.getInputs()[0], concat.getInputs()[1],
                static_cast<int64_t>(concat.getDim()), false};
  }
  auto collapse = value.getDefiningOp<tensor::CollapseShapeOp>();
  auto concat = collapse ? collapse.getSrc().getDefiningOp<tensor::ConcatOp>()
                         : tensor::ConcatOp();
  if (!concat || concat.getInputs().size() != 2)
    return std::nullopt;
  int64_t dim = concat.getDim();
  Value first = withoutUnitDim(concat.getInputs()[0], dim);
  Value second = withoutUnitDim(concat.getInputs()[1], dim);
  if (!first || !second)
    return std::nullopt;
  std::optional<Join> join;
  for (auto [axis, group] :
       llvm::enumerate(collapse.getReassociationIndices())) {
    if (group.size() == 1)
      continue;
    if (join || group.size() != 2 || !llvm::is_contained(group, dim))
      return std::nullopt;
    join = Join{first, second, static_cast<int64_t>(axis),
                /*alternates=*/group.back() == dim};
  }
  return join;
}

/// insert_slice of one tensor, then of the other, that together cover all.
static std::optional<Join> matchInserts(Value value) {
  auto outer = value.getDefiningOp<tensor::InsertSliceOp>();
  auto inner = outer ? outer.getDest().getDefiningOp<tensor::InsertSliceOp>()
                     : tensor::InsertSliceOp();
  if (!inner || outer.getSourceType() != inner.getSourceType() ||
      !outer.getType().hasStaticShape() ||
      outer.getSourceType().getRank() != outer.getType().getRank())
    return std::nullopt;
  std::optional<Join> join;
  ArrayRef<int64_t> whole = outer.getType().getShape();
  ArrayRef<int64_t> part = outer.getSourceType().getShape();
  for (int64_t dim = 0, e = whole.size(); dim != e; ++dim) {
    int64_t offsets[2] = {inner.getStaticOffsets()[dim],
                          outer.getStaticOffsets()[dim]};
    int64_t stride = inner.getStaticStrides()[dim];
    if (stride != outer.getStaticStrides()[dim])
      return std::nullopt;
    if (offsets[0] == 0 && offsets[1] == 0 && stride == 1 &&
        part[dim] == whole[dim])
      continue;
    bool alternates = stride == 2;
    int64_t second = alternates ? 1 : part[dim];
    if (join || (stride != 1 && !alternates) || part[dim] * 2 != whole[dim] ||
        std::min(offsets[0], offsets[1]) != 0 ||
        std::max(offsets[0], offsets[1]) != second)
      return std::nullopt;
    join = Join{inner.getSource(), outer.getSource(), dim, alternates};
    if (offsets[0] != 0)
      std::swap(join->first, join->second);
  }
  return join;
}

/// What of a join has all but the last element, which is padding: rows of an
/// odd number of elements fill their bytes so.
static Value withoutPadding(Value value) {
  auto slice = value.getDefiningOp<tensor::ExtractSliceOp>();
  if (!slice || slice.getSourceType().getRank() != slice.getType().getRank() ||
      !slice.getType().hasStaticShape() ||
      !slice.getSourceType().hasStaticShape())
    return {};
  auto isAll = [](ArrayRef<int64_t> values, int64_t expected) {
    return llvm::all_of(values, [&](int64_t v) { return v == expected; });
  };
  ArrayRef<int64_t> part = slice.getType().getShape();
  ArrayRef<int64_t> whole = slice.getSourceType().getShape();
  if (!isAll(slice.getStaticOffsets(), 0) ||
      !isAll(slice.getStaticStrides(), 1) ||
      part.drop_back() != whole.drop_back() || part.back() + 1 != whole.back())
    return {};
  return slice.getSource();
}

static std::optional<Join> matchJoin(Value value) {
  if (Value padded = withoutPadding(value)) {
    std::optional<Join> join = matchInserts(padded);
    bool isPadded =
        join && join->alternates &&
        join->axis + 1 == cast<RankedTensorType>(value.getType()).getRank();
    return isPadded ? join : std::nullopt;
  }
  if (std::optional<Join> join = matchConcat(value))
    return join;
  return matchInserts(value);
}

bool quantmlir::isJoined(Value value) { return matchJoin(value).has_value(); }

namespace {

/// One nibble of each byte.
struct NibbleHalf {
  linalg::LinalgOp op;
  Value bytes;
  DecodeBody body;
};

} // namespace

static FailureOr<NibbleHalf> matchHalf(Value value, WhyNot &whyNot) {
  auto op = value.getDefiningOp<linalg::LinalgOp>();
  auto isBytes = [](Value operand) {
    return getElementTypeOrSelf(operand.getType()).isSignlessInteger(8);
  };
  if (!op || op.getNumDpsInputs() != 1 ||
      !isBytes(op.getDpsInputOperand(0)->get()))
    return failure();
  FailureOr<DecodeBody> body = matchDecodeBody(op, isBytes, whyNot);
  if (failed(body))
    return failure();
  for (AffineMap map : op.getIndexingMapsArray())
    if (!map.isIdentity())
      return whyNot("the nibbles are not read in the order of their bytes");
  if (body->nibble == Nibble::Whole)
    return failure();
  if (body->hasScale() || body->zeroPointOperand)
    return whyNot("each half is scaled on its own");
  return NibbleHalf{op, op.getDpsInputOperand(0)->get(), *body};
}

FailureOr<PackedNibbles> quantmlir::matchPackedNibbles(Value value,
                                                       WhyNot &whyNot) {
  std::optional<Join> join = matchJoin(value);
  if (!join)
    return failure();
  FailureOr<NibbleHalf> first = matchHalf(join->first, whyNot);
  if (failed(first))
    return failure();
  FailureOr<NibbleHalf> second = matchHalf(join->second, whyNot);
  if (failed(second))
    return failure();
  if (first->bytes != second->bytes)
    return whyNot("the nibbles are of different bytes");
  if (first->body.nibble == second->body.nibble)
    return whyNot("both halves are the {0} nibble",
                  first->body.nibble == Nibble::Low ? "low" : "high");
  if (first->body.zeroPoint != second->body.zeroPoint)
    return whyNot("the two nibbles have zero points {0} and {1}",
                  first->body.zeroPoint, second->body.zeroPoint);
  if (first->body.isSigned != second->body.isSigned)
    return whyNot("one nibble is signed, the other is not");

  auto type = cast<RankedTensorType>(value.getType());
  if (!type.hasStaticShape())
    return whyNot("the shape of the codes is not known");
  bool lowFirst = first->body.nibble == Nibble::Low;
  PackedNibbles result;
  result.bytes = first->bytes;
  result.isSigned = first->body.isSigned;
  result.low = (lowFirst ? first : second)->op;
  result.high = (lowFirst ? second : first)->op;
  result.zeroPoint = first->body.zeroPoint;
  // Row major is the low nibble first, along the last dimension.
  if (!lowFirst || !join->alternates || join->axis + 1 != type.getRank())
    result.layout = LayoutAttr::get(
        value.getContext(), LayoutKind::Packed, /*word=*/8, join->axis,
        lowFirst ? ArrayRef<int64_t>{0, 1} : ArrayRef<int64_t>{1, 0},
        /*halves=*/!join->alternates, /*permutation=*/{}, /*tile=*/{});
  return result;
}
