//===- MergeContractions.cpp - Contractions that read one operand ---------===//

#include "quantmlir/Dialect/QuantTensor/Transforms/Contraction.h"
#include "quantmlir/Dialect/QuantTensor/Transforms/EncodedParts.h"
#include "quantmlir/Dialect/QuantTensor/Transforms/Epilogue.h"
#include "quantmlir/Dialect/QuantTensor/Transforms/Passes.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/ADT/MapVector.h"

namespace quantmlir::quant_tensor {
#define GEN_PASS_DEF_QUANTTENSORMERGECONTRACTIONS
#include "quantmlir/Dialect/QuantTensor/Transforms/Passes.h.inc"
} // namespace quantmlir::quant_tensor

using namespace mlir;
using namespace quantmlir::quant_tensor;

static constexpr StringRef passName = "quant-tensor-merge-contractions";

namespace {

/// Finds contractions of one block that can be one, and makes it.
class ContractionMerger {
public:
  explicit ContractionMerger(Block &block) : block(block) {}

  void run();

private:
  using Group = SmallVector<ScaledMatmulOp>;

  /// Whether `value` is made of weights and constants alone, so that joining
  /// it with others is done once.
  bool isPrepared(Value value);
  LogicalResult checkRhs(ScaledMatmulOp op, WhyNot &whyNot);
  LogicalResult checkAlone(ScaledMatmulOp op, WhyNot &whyNot);
  LogicalResult checkPair(ScaledMatmulOp first, ScaledMatmulOp op,
                          WhyNot &whyNot);
  void merge(const Group &group);
  LogicalResult checkGated(ScaledMatmulOp gate, ScaledMatmulOp up,
                           unsigned index, WhyNot &whyNot);
  void mergeGated(ScaledMatmulOp gate, ScaledMatmulOp up, unsigned index);
  /// Makes `up` one op with a product of the same operand that its epilogue
  /// reads, if there is one; whether it did.
  bool tryGated(ScaledMatmulOp up);

  Block &block;
  llvm::DenseMap<Value, bool> prepared;
};

} // namespace

bool ContractionMerger::isPrepared(Value value) {
  auto [it, isNew] = prepared.try_emplace(value, false);
  if (!isNew)
    return it->second;
  bool result;
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    auto function = dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp());
    result = function &&
             (getEncoding(value.getType()) ||
              function.getArgAttr(argument.getArgNumber(),
                                  QuantTensorDialect::getWeightAttrName()));
  } else {
    // Without operands: constants, and tensors that are to be filled.
    Operation *op = value.getDefiningOp();
    result = isPure(op) && llvm::all_of(op->getOperands(), [&](Value operand) {
               return isPrepared(operand);
             });
    op->walk([&](Operation *inner) {
      for (Value operand : inner->getOperands())
        if (!op->isAncestor(operand.getParentBlock()->getParentOp()))
          result &= isPrepared(operand);
    });
  }
  prepared[value] = result;
  return result;
}

/// Whether the kernels that `op` becomes read a slice where it is; others need
/// rows that follow each other, and get a copy.
static LogicalResult checkUser(Operation *op, WhyNot &whyNot) {
  if (isa<tensor::DimOp>(op))
    return success();
  if (isa<tensor::ExpandShapeOp, tensor::ExtractSliceOp>(op)) {
    for (Operation *user : op->getUsers())
      if (failed(checkUser(user, whyNot)))
        return failure();
    return success();
  }
  if (op->hasTrait<OpTrait::IsTerminator>())
    return whyNot("its result goes to {0}, and so has a buffer of its own",
                  op->getName());
  auto generic = dyn_cast<linalg::GenericOp>(op);
  if (!generic || generic.getNumParallelLoops() != generic.getNumLoops())
    return whyNot("its result goes to {0}, which would read a copy of its "
                  "columns",
                  op->getName());
  return success();
}

LogicalResult ContractionMerger::checkRhs(ScaledMatmulOp op, WhyNot &whyNot) {
  auto type = cast<RankedTensorType>(op.getRhs().getType());
  if (type.getRank() != 2 || op.isBlockScaled())
    return whyNot("its operands have batch dimensions, or blocks along K both");
  if (!type.hasStaticShape())
    return whyNot("the extents of its weights are dynamic");
  if (!isPrepared(op.getRhs()))
    return whyNot("its right-hand side is no weight: it would be joined with "
                  "others in each run");
  EncodingAttr encoding = getEncoding(type);
  if (!encoding)
    return success();
  int64_t rows = encoding.getBlock().front();
  if (rows == 0 || type.getDimSize(0) % rows != 0)
    return whyNot("rows of its weights share scales, {0}",
                  rows ? "and do not fill the last block" : "all of them");
  return success();
}

/// Whether an epilogue operand with this map is read by columns.
static bool isByColumns(AffineMap map) {
  return map.isFunctionOfDim(map.getNumDims() - 1);
}

/// What an op needs whatever it is merged with.
LogicalResult ContractionMerger::checkAlone(ScaledMatmulOp op, WhyNot &whyNot) {
  if (op.getPaired())
    return whyNot("rows of its weights are pairs");
  if (failed(checkRhs(op, whyNot)))
    return failure();
  for (auto [index, value] : llvm::enumerate(op.getEpilogueArgs())) {
    AffineMap map = op.getEpilogueMap(index);
    if (!isByColumns(map))
      continue;
    for (unsigned dim = 0; dim + 1 < map.getNumDims(); ++dim)
      if (map.isFunctionOfDim(dim))
        return whyNot("operand #{0} of its epilogue has rows and columns",
                      index);
    if (!isPrepared(value) ||
        !cast<RankedTensorType>(value.getType()).hasStaticShape())
      return whyNot("operand #{0} of its epilogue is no weight: it would be "
                    "joined with others in each run",
                    index);
  }
  for (Operation *user : op->getUsers())
    if (failed(checkUser(user, whyNot)))
      return failure();
  return success();
}

/// Whether the weights of both can be one matrix.
static LogicalResult checkWeights(ScaledMatmulOp first, ScaledMatmulOp op,
                                  WhyNot &whyNot) {
  auto left = cast<RankedTensorType>(first.getRhs().getType());
  auto right = cast<RankedTensorType>(op.getRhs().getType());
  auto plain = [](RankedTensorType type) {
    EncodingAttr encoding = getEncoding(type);
    return encoding ? encoding.withLayout({}) : encoding;
  };
  if (left.getElementType() != right.getElementType() ||
      plain(left) != plain(right) ||
      first.getRhsUnsigned() != op.getRhsUnsigned() ||
      first.getLhsUnsigned() != op.getLhsUnsigned())
    return whyNot("its weights are of another type than those of the "
                  "contraction before it, {0} and {1}",
                  right, left);
  return success();
}

/// Whether one kernel computes both.
LogicalResult ContractionMerger::checkPair(ScaledMatmulOp first,
                                           ScaledMatmulOp op, WhyNot &whyNot) {
  if (failed(checkWeights(first, op, whyNot)))
    return failure();
  if (first.getResult().getType().getElementType() !=
      op.getResult().getType().getElementType())
    return whyNot("its result is of another type than that of the contraction "
                  "before it");
  if (first.getMaps() != op.getMaps() ||
      !OperationEquivalence::isRegionEquivalentTo(
          &first.getEpilogue(), &op.getEpilogue(),
          OperationEquivalence::IgnoreLocations))
    return whyNot("its epilogue is another one than that of the contraction "
                  "before it");
  for (auto [index, pair] : llvm::enumerate(
           llvm::zip_equal(first.getEpilogueArgs(), op.getEpilogueArgs()))) {
    auto [a, b] = pair;
    if (!isByColumns(op.getEpilogueMap(index)) && a != b)
      return whyNot("operand #{0} of its epilogue is another one than that of "
                    "the contraction before it",
                    index);
  }
  return success();
}

/// Moves what makes `value` in front of `point`. Nothing of it has effects.
static void moveBefore(Value value, Operation *point) {
  Operation *op = value.getDefiningOp();
  if (!op || op->getBlock() != point->getBlock() || op->isBeforeInBlock(point))
    return;
  op->walk([&](Operation *inner) {
    for (Value operand : inner->getOperands())
      if (!op->isAncestor(operand.getParentBlock()->getParentOp()))
        moveBefore(operand, point);
  });
  op->moveBefore(point);
}

/// Tensors of static extents one behind the other along `dim`, or, where
/// `inTurn`, those of equal extents element by element.
static Value join(ImplicitLocOpBuilder &b, ArrayRef<Value> values, unsigned dim,
                  bool inTurn = false) {
  auto type = cast<RankedTensorType>(values.front().getType());
  SmallVector<int64_t> shape(type.getShape());
  shape[dim] = 0;
  for (Value value : values)
    shape[dim] += cast<RankedTensorType>(value.getType()).getDimSize(dim);
  Value joined = tensor::EmptyOp::create(b, shape, type.getElementType());
  SmallVector<OpFoldResult> offsets(type.getRank(), b.getIndexAttr(0));
  SmallVector<OpFoldResult> strides(type.getRank(), b.getIndexAttr(1));
  if (inTurn)
    strides[dim] = b.getIndexAttr(values.size());
  int64_t offset = 0;
  for (Value value : values) {
    auto part = cast<RankedTensorType>(value.getType());
    offsets[dim] = b.getIndexAttr(offset);
    joined = tensor::InsertSliceOp::create(
        b, value, joined, offsets,
        getAsIndexOpFoldResult(b.getContext(), part.getShape()), strides);
    offset += inTurn ? 1 : part.getDimSize(dim);
  }
  return joined;
}

/// The rows of encoded weights, or of plain ones, below each other, or in turn.
static Value joinWeights(ImplicitLocOpBuilder &b, ArrayRef<Value> weights,
                         bool inTurn = false) {
  auto type = cast<RankedTensorType>(weights.front().getType());
  EncodingAttr encoding = getEncoding(type);
  if (!encoding)
    return join(b, weights, 0, inTurn);
  encoding = encoding.withLayout({});
  int64_t rows = 0;
  // Codes, scales and zero points of each.
  SmallVector<SmallVector<Value>> parts(3);
  for (Value value : weights) {
    auto given = cast<RankedTensorType>(value.getType());
    auto rowMajor = RankedTensorType::get(given.getShape(),
                                          given.getElementType(), encoding);
    if (given != rowMajor)
      value = RepackOp::create(b, rowMajor, value);
    rows += given.getDimSize(0);
    EncodedParts each = EncodedParts::get(b, b.getLoc(), value);
    parts[0].push_back(each.codes);
    parts[1].push_back(each.scales);
    if (each.zeroPoints)
      parts[2].push_back(each.zeroPoints);
  }
  auto joined = RankedTensorType::get({rows, type.getDimSize(1)},
                                      type.getElementType(), encoding);
  auto joinPart = [&](ArrayRef<Value> part) {
    return part.empty() ? Value() : join(b, part, 0, inTurn);
  };
  return EncodedParts{joined, joinPart(parts[0]), joinPart(parts[1]),
                      joinPart(parts[2])}
      .assemble(b, b.getLoc());
}

void ContractionMerger::merge(const Group &group) {
  ScaledMatmulOp first = group.front();
  auto collect = [&](function_ref<Value(ScaledMatmulOp)> get) {
    SmallVector<Value> values;
    for (ScaledMatmulOp op : group) {
      values.push_back(get(op));
      moveBefore(values.back(), first);
    }
    return values;
  };
  ImplicitLocOpBuilder b(first.getLoc(), first);
  SmallVector<Value> weights =
      collect([](ScaledMatmulOp op) { return op.getRhs(); });
  Value rhs = joinWeights(b, weights);
  SmallVector<Value> operands;
  for (unsigned index = 0, count = first.getEpilogueArgs().size();
       index < count; ++index) {
    AffineMap map = first.getEpilogueMap(index);
    if (!isByColumns(map)) {
      operands.push_back(first.getEpilogueArgs()[index]);
      continue;
    }
    AffineExpr column =
        getAffineDimExpr(map.getNumDims() - 1, map.getContext());
    SmallVector<Value> parts =
        collect([&](ScaledMatmulOp op) { return op.getEpilogueArgs()[index]; });
    operands.push_back(join(b, parts, *map.getResultPosition(column)));
  }
  Value init = createNormalInit(b, first.getLoc(), {first.getLhs(), rhs},
                                first.getResult().getType().getElementType());
  auto merged = ScaledMatmulOp::create(
      b, init.getType(), first.getLhs(), rhs, operands, init, first.getMaps(),
      first.getLhsUnsigned(), first.getRhsUnsigned());
  merged.getEpilogue().takeBody(first.getEpilogue());
  remarkPassed(merged, passName,
               llvm::formatv("computes {0} contractions of one operand as one",
                             group.size())
                   .str());

  SmallVector<OpFoldResult> sizes =
      tensor::getMixedSizes(b, first.getLoc(), merged.getResult());
  SmallVector<OpFoldResult> offsets(sizes.size(), b.getIndexAttr(0));
  SmallVector<OpFoldResult> strides(sizes.size(), b.getIndexAttr(1));
  int64_t offset = 0;
  for (ScaledMatmulOp op : group) {
    RankedTensorType type = op.getResult().getType();
    int64_t columns = type.getShape().back();
    offsets.back() = b.getIndexAttr(offset);
    sizes.back() = b.getIndexAttr(columns);
    offset += columns;
    Value slice = tensor::ExtractSliceOp::create(
        b, op.getLoc(), merged.getResult(), offsets, sizes, strides);
    if (slice.getType() != type)
      slice = tensor::CastOp::create(b, op.getLoc(), type, slice);
    op.getResult().replaceAllUsesWith(slice);
  }
  for (ScaledMatmulOp op : group)
    op.erase();
}

//===----------------------------------------------------------------------===//
// A product that the epilogue of another one reads
//===----------------------------------------------------------------------===//

/// Whether one kernel computes `gate`, which operand `index` of the epilogue of
/// `up` is, on the way to `up`.
LogicalResult ContractionMerger::checkGated(ScaledMatmulOp gate,
                                            ScaledMatmulOp up, unsigned index,
                                            WhyNot &whyNot) {
  if (gate.getPaired() || up.getPaired())
    return whyNot("rows of its weights are pairs");
  for (ScaledMatmulOp op : {gate, up})
    if (failed(checkRhs(op, whyNot)))
      return failure();
  if (failed(checkWeights(gate, up, whyNot)))
    return failure();
  // Plain ones wider than a byte are not quantized: with one row, their product
  // becomes a sum of its own, and loops take what tensor cores do not.
  auto weights = cast<RankedTensorType>(up.getRhs().getType());
  EncodingAttr encoding = getEncoding(weights);
  if (!encoding && weights.getElementTypeBitWidth() > 8)
    return whyNot("its weights are neither encoded nor codes, but {0}",
                  weights.getElementType());
  if (encoding && encoding.getBlock().front() != 1)
    return whyNot("{0} rows of its weights share scales",
                  encoding.getBlock().front());
  if (!up.getEpilogueMap(index).isIdentity())
    return whyNot("its epilogue reads that of the other contraction at another "
                  "place");
  if (!gate->hasOneUse())
    return whyNot("the result of the other contraction has more users");
  return success();
}

void ContractionMerger::mergeGated(ScaledMatmulOp gate, ScaledMatmulOp up,
                                   unsigned index) {
  ImplicitLocOpBuilder b(up.getLoc(), up);
  Value rhs = joinWeights(b, {gate.getRhs(), up.getRhs()}, /*inTurn=*/true);
  SmallVector<EpilogueOperand> operands;
  for (auto [i, value] : llvm::enumerate(gate.getEpilogueArgs()))
    operands.push_back({value, gate.getEpilogueMap(i)});
  for (auto [i, value] : llvm::enumerate(up.getEpilogueArgs()))
    if (i != index)
      operands.push_back({value, up.getEpilogueMap(i)});
  size_t numOfGate = gate.getEpilogueArgs().size();
  ScaledMatmulOp paired = createScaledMatmul(
      b, b.getFusedLoc({up.getLoc(), gate.getLoc()}), up.getLhs(), rhs,
      operands, up.getInit(), up.getLhsUnsigned(), up.getRhsUnsigned(),
      [&](OpBuilder &builder, Location, ValueRange arguments) {
        // The sums of both, then what both read.
        SmallVector<Value> ofGate = {arguments[0]}, ofUp = {arguments[1]};
        ValueRange rest = arguments.drop_front(2);
        llvm::append_range(ofGate, rest.take_front(numOfGate));
        llvm::append_range(ofUp, rest.drop_front(numOfGate));
        ofUp.insert(ofUp.begin() + 1 + index,
                    cloneEpilogue(builder, gate, ofGate));
        return cloneEpilogue(builder, up, ofUp);
      },
      /*paired=*/true);
  remarkPassed(paired, passName,
               "computes a contraction and one that its epilogue reads as one");
  up.getResult().replaceAllUsesWith(paired.getResult());
  up.erase();
  gate.erase();
}

bool ContractionMerger::tryGated(ScaledMatmulOp up) {
  for (auto [index, value] : llvm::enumerate(up.getEpilogueArgs())) {
    auto gate = value.getDefiningOp<ScaledMatmulOp>();
    if (!gate || gate.getLhs() != up.getLhs() || gate->getBlock() != &block)
      continue;
    WhyNot whyNot;
    if (succeeded(checkGated(gate, up, index, whyNot))) {
      mergeGated(gate, up, index);
      return true;
    }
    remarkMissed(up, passName, "not merged with what its epilogue reads",
                 whyNot);
  }
  return false;
}

void ContractionMerger::run() {
  for (auto op : llvm::make_early_inc_range(block.getOps<ScaledMatmulOp>()))
    tryGated(op);
  llvm::MapVector<Value, Group> byOperand;
  for (auto op : block.getOps<ScaledMatmulOp>())
    byOperand[op.getLhs()].push_back(op);
  for (auto &[operand, ops] : byOperand) {
    if (ops.size() < 2)
      continue;
    SmallVector<Group> groups;
    for (ScaledMatmulOp op : ops) {
      WhyNot whyNot;
      if (succeeded(checkAlone(op, whyNot))) {
        // The reason is why it is not merged with the first of them.
        Group *found = groups.begin();
        for (; found != groups.end(); ++found) {
          WhyNot pairWhyNot;
          if (succeeded(checkPair(found->front(), op, pairWhyNot)))
            break;
          if (!whyNot.isNearMiss())
            whyNot = pairWhyNot;
        }
        if (found != groups.end()) {
          found->push_back(op);
          continue;
        }
        groups.push_back({op});
      }
      remarkMissed(op, passName, "not merged", whyNot);
    }
    for (const Group &group : groups)
      if (group.size() > 1)
        merge(group);
  }
}

namespace {

struct MergeContractions
    : quantmlir::quant_tensor::impl::QuantTensorMergeContractionsBase<
          MergeContractions> {
  void runOnOperation() override {
    SmallVector<Block *> blocks;
    getOperation()->walk([&](Block *block) { blocks.push_back(block); });
    for (Block *block : blocks)
      ContractionMerger(*block).run();
  }
};

} // namespace
