//===- GroupRows.cpp - Row-local ops that become one kernel ---------------===//

#include "quantmlir/Dialect/QuantTile/Transforms/Passes.h"

#include "mlir/Analysis/TopologicalSortUtils.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"
#include "quantmlir/Dialect/QuantTile/IR/RowAccess.h"
#include "quantmlir/Support/RemarkOptions.h"
#include "llvm/ADT/SetVector.h"

namespace quantmlir::quant_tile {
#define GEN_PASS_DEF_QUANTTILEGROUPROWS
#include "quantmlir/Dialect/QuantTile/Transforms/Passes.h.inc"
} // namespace quantmlir::quant_tile

using namespace mlir;
using namespace quantmlir::quant_tile;

namespace {

/// Grows one group of ops of a block.
class RowGrouper {
public:
  RowGrouper(linalg::GenericOp seed, const RowDomain &domain)
      : block(seed->getBlock()), domain(domain) {
    members[seed] = *analyzeRowOp(seed, domain, why);
  }

  /// Adds what belongs to the group until nothing more does.
  void grow(ArrayRef<linalg::GenericOp> candidates);
  size_t size() const { return members.size(); }
  /// Moves the ops into a row_group in place of the last of them.
  RowGroupOp build(IRRewriter &rewriter);

private:
  bool contains(Operation *op) const { return op && members.contains(op); }
  /// The member that computes `value`, or null.
  Operation *getMember(Value value) const {
    Operation *op = skipUnitReshapes(value).getDefiningOp();
    return contains(op) ? op : nullptr;
  }
  bool isConnected(linalg::GenericOp op, const RowOp &info) const;
  bool agrees(linalg::GenericOp op, const RowOp &info) const;
  bool agrees(RowAccess access, const RowOp &producer) const;
  /// Whether no op outside lies between two members when `op` is one.
  bool staysConvex(Operation *op) const;
  /// Whether all that uses `op`'s results is the group's own.
  bool servesOnlyGroup(Operation *op) const;

  Block *block;
  RowDomain domain;
  llvm::MapVector<Operation *, RowOp> members;
  std::string why;
};

} // namespace

/// Whether a value that `producer` computes can be read so.
bool RowGrouper::agrees(RowAccess access, const RowOp &producer) const {
  if (producer.hasColumns && !producer.reduces)
    return access == RowAccess::Full;
  return access == RowAccess::Row ||
         (access == RowAccess::Scalar && domain.rows.empty());
}

/// Whether `op` reads members' values as they are, and they its values.
bool RowGrouper::agrees(linalg::GenericOp op, const RowOp &info) const {
  for (OpOperand *input : op.getDpsInputOperands())
    if (Operation *member = getMember(input->get()))
      if (!agrees(info.accesses[input->getOperandNumber()],
                  members.find(member)->second))
        return false;
  for (auto &[member, other] : members)
    for (OpOperand &operand : member->getOpOperands())
      if (skipUnitReshapes(operand.get()).getDefiningOp() == op &&
          !agrees(other.accesses[operand.getOperandNumber()], info))
        return false;
  return true;
}

/// Whether `op` shares data with a member: one computes what the other reads,
/// or both read all of the same tensor.
bool RowGrouper::isConnected(linalg::GenericOp op, const RowOp &info) const {
  for (OpOperand *input : op.getDpsInputOperands())
    if (getMember(input->get()))
      return true;
  for (auto &[member, other] : members)
    for (OpOperand &operand : member->getOpOperands()) {
      if (skipUnitReshapes(operand.get()).getDefiningOp() == op)
        return true;
      if (other.accesses[operand.getOperandNumber()] != RowAccess::Full ||
          !isa<RankedTensorType>(operand.get().getType()) ||
          cast<linalg::GenericOp>(member).isDpsInit(&operand))
        continue;
      for (OpOperand *input : op.getDpsInputOperands())
        if (info.accesses[input->getOperandNumber()] == RowAccess::Full &&
            skipUnitReshapes(input->get()) == skipUnitReshapes(operand.get()))
          return true;
    }
  return false;
}

bool RowGrouper::staysConvex(Operation *added) const {
  auto isMember = [&](Operation *op) { return op == added || contains(op); };
  // Ops of the block that depend on a member, by way of ops that are none.
  llvm::SmallPtrSet<Operation *, 16> after;
  SmallVector<Operation *> work;
  auto visitUsers = [&](Operation *op) -> bool {
    for (Operation *user : op->getUsers()) {
      Operation *ancestor = block->findAncestorOpInBlock(*user);
      if (!ancestor)
        return false;
      if (isMember(ancestor))
        continue;
      if (after.insert(ancestor).second)
        work.push_back(ancestor);
    }
    return true;
  };
  for (auto &entry : members)
    if (!visitUsers(entry.first))
      return false;
  if (!visitUsers(added))
    return false;
  while (!work.empty()) {
    Operation *op = work.pop_back_val();
    // Reshapes that add or drop ones are copied into the group.
    bool isView = op->getNumResults() == 1 &&
                  isa<RankedTensorType>(op->getResult(0).getType()) &&
                  skipUnitReshapes(op->getResult(0)) != op->getResult(0);
    for (Operation *user : op->getUsers()) {
      Operation *ancestor = block->findAncestorOpInBlock(*user);
      if (!ancestor)
        return false;
      if (isMember(ancestor)) {
        if (!isView)
          return false;
        continue;
      }
      if (after.insert(ancestor).second)
        work.push_back(ancestor);
    }
  }
  return true;
}

void RowGrouper::grow(ArrayRef<linalg::GenericOp> candidates) {
  for (bool changed = true; changed;) {
    changed = false;
    for (linalg::GenericOp op : candidates) {
      if (contains(op) || op->getBlock() != block)
        continue;
      std::optional<RowOp> info = analyzeRowOp(op, domain, why);
      if (!info || !isConnected(op, *info) || !agrees(op, *info) ||
          !staysConvex(op))
        continue;
      members[op] = *info;
      changed = true;
    }
  }
}

bool RowGrouper::servesOnlyGroup(Operation *op) const {
  return llvm::all_of(op->getUsers(), [&](Operation *user) {
    return contains(user) ||
           (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(user) &&
            skipUnitReshapes(user->getResult(0)) != user->getResult(0) &&
            servesOnlyGroup(user));
  });
}

RowGroupOp RowGrouper::build(IRRewriter &rewriter) {
  SmallVector<Operation *> ops;
  for (auto &entry : members)
    ops.push_back(entry.first);
  llvm::sort(ops,
             [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
  SmallVector<Value> results;
  SmallVector<Location> locations;
  for (Operation *op : ops) {
    locations.push_back(op->getLoc());
    if (!servesOnlyGroup(op))
      llvm::append_range(results, op->getResults());
  }
  rewriter.setInsertionPoint(ops.back());
  auto group = RowGroupOp::create(rewriter, rewriter.getFusedLoc(locations),
                                  TypeRange(ValueRange(results)),
                                  domain.columns, RowScheduleAttr());
  Block *body = rewriter.createBlock(&group.getBody());
  rewriter.setInsertionPointToEnd(body);
  auto yield = YieldOp::create(rewriter, group.getLoc(), results);
  for (Operation *op : ops) {
    op->moveBefore(yield);
    rewriter.setInsertionPoint(op);
    // Reshapes between members come along, as copies.
    for (OpOperand &operand : op->getOpOperands()) {
      Value source = skipUnitReshapes(operand.get());
      if (source == operand.get() || !contains(source.getDefiningOp()))
        continue;
      SmallVector<Operation *> chain;
      for (Value at = operand.get(); at != source;
           at = at.getDefiningOp()->getOperand(0))
        chain.push_back(at.getDefiningOp());
      Value copy = source;
      for (Operation *reshape : llvm::reverse(chain)) {
        Operation *clone = rewriter.clone(*reshape);
        clone->setOperand(0, copy);
        copy = clone->getResult(0);
      }
      operand.set(copy);
      for (Operation *reshape : chain)
        if (reshape->use_empty())
          rewriter.eraseOp(reshape);
    }
  }
  for (auto [inner, outer] : llvm::zip_equal(results, group.getResults()))
    inner.replaceUsesWithIf(outer, [&](OpOperand &use) {
      return !group->isProperAncestor(use.getOwner());
    });
  sortTopologically(block);
  return group;
}

namespace {

struct QuantTileGroupRows
    : quantmlir::quant_tile::impl::QuantTileGroupRowsBase<QuantTileGroupRows> {
  using QuantTileGroupRowsBase::QuantTileGroupRowsBase;

  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    SmallVector<linalg::GenericOp> ops;
    getOperation()->walk([&](linalg::GenericOp op) {
      if (!op->getParentOfType<RowGroupOp>())
        ops.push_back(op);
    });
    llvm::SmallPtrSet<Operation *, 16> grouped;
    for (linalg::GenericOp seed : ops) {
      if (grouped.contains(seed))
        continue;
      std::optional<RowDomain> domain = RowDomain::ofReduction(seed);
      std::string why;
      if (!domain || !analyzeRowOp(seed, *domain, why))
        continue;
      auto options = quantmlir::getRemarkOptions(seed, "GroupRows", "rows");
      if (maxColumns && domain->columns > maxColumns) {
        remark::missed(seed.getLoc(), options)
            << remark::add("not grouped")
            << remark::reason("rows have {0} columns, more than {1}",
                              domain->columns, maxColumns.getValue());
        continue;
      }
      RowGrouper grouper(seed, *domain);
      SmallVector<linalg::GenericOp> free;
      for (linalg::GenericOp op : ops)
        if (!grouped.contains(op))
          free.push_back(op);
      grouper.grow(free);
      if (grouper.size() < 2)
        continue;
      RowGroupOp group = grouper.build(rewriter);
      group.walk([&](linalg::GenericOp op) { grouped.insert(op); });
      remark::passed(group.getLoc(), options)
          << remark::add("{0} ops on rows of {1} columns become one kernel",
                         grouper.size(), domain->columns);
    }
  }
};

} // namespace
