//===- DispatchBuffers.cpp - Buffers of what branches compute -------------===//
//
// Whenever bufferization decides about a write it compares each read with each
// write of what may be the same buffer. Of some twenty ranges of rows all write
// one, and each test on the way out reads it: tens of thousands of comparisons
// for one product, and nothing to decide.
//
//===----------------------------------------------------------------------===//

#include "DispatchBuffers.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"

using namespace mlir;
using quantmlir::quant_tile::LaunchOp;

static MemRefType getBufferType(Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  return MemRefType::get(type.getShape(), type.getElementType());
}

namespace {

/// The tests of one size, and the launches in their branches.
class Dispatch {
public:
  explicit Dispatch(scf::IfOp root) : root(root) {}

  /// Whether it is of the kind that `allocateDispatches` takes.
  bool isSimple();
  /// Puts its launches on buffers.
  void allocate(int64_t alignment);

private:
  bool addTest(scf::IfOp test);
  bool addLaunch(LaunchOp launch, Value result);
  bool isGiven(Value tensor);
  void allocate(LaunchOp launch);
  Value allocate(tensor::EmptyOp empty);

  scf::IfOp root;
  /// Where all branches compute the result.
  tensor::EmptyOp shared;
  SmallVector<LaunchOp> launches;
  /// Inner ones first.
  SmallVector<scf::IfOp> tests;
  int64_t alignment = 0;
  /// The buffers of what launches read and write.
  llvm::DenseMap<Value, Value> buffers;
  /// What has buffers in its place.
  SmallVector<tensor::EmptyOp> empties;
};

/// Whether `tensor` was computed before the dispatch, or is an argument: whole,
/// so that its buffer is contiguous.
bool Dispatch::isGiven(Value tensor) {
  if (root->isAncestor(tensor.getParentBlock()->getParentOp()))
    return false;
  return isa<BlockArgument>(tensor) ||
         isa<LaunchOp, scf::IfOp, bufferization::ToTensorOp>(
             tensor.getDefiningOp());
}

bool Dispatch::addLaunch(LaunchOp launch, Value result) {
  if (!llvm::all_of(launch.getIns(), [&](Value in) { return isGiven(in); }))
    return false;
  for (OpOperand &out : launch.getOutsMutable()) {
    Operation *op = out.get().getDefiningOp();
    OpResult tied = launch.getTiedOpResult(&out);
    // Flags and sums for the launches that follow are the branch's own.
    if (op && op->getBlock() == launch->getBlock() &&
        isa<tensor::EmptyOp, LaunchOp>(op) && tied != result)
      continue;
    auto empty = dyn_cast_or_null<tensor::EmptyOp>(op);
    if (!empty || (shared && empty != shared) ||
        empty->getBlock() != root->getBlock() || tied != result ||
        launch.readsOut(out))
      return false;
    shared = empty;
  }
  launches.push_back(launch);
  return true;
}

bool Dispatch::addTest(scf::IfOp test) {
  if (test.getNumResults() != 1 ||
      !isa<RankedTensorType>(test.getResult(0).getType()))
    return false;
  for (Region &region : test->getRegions()) {
    Block &block = region.front();
    Value result = block.getTerminator()->getOperand(0);
    Operation *last = result.getDefiningOp();
    if (!last || last->getBlock() != &block ||
        !isa<scf::IfOp, LaunchOp>(last) || !result.hasOneUse())
      return false;
    for (Operation &op : block.without_terminator()) {
      if (auto inner = dyn_cast<scf::IfOp>(op)) {
        if (&op != last || !addTest(inner))
          return false;
      } else if (auto launch = dyn_cast<LaunchOp>(op)) {
        if (!addLaunch(launch, result))
          return false;
      } else if (!isa<tensor::EmptyOp, tensor::DimOp, cf::AssertOp>(op) &&
                 (op.getNumRegions() || !isMemoryEffectFree(&op) ||
                  llvm::any_of(op.getResultTypes(),
                               llvm::IsaPred<TensorType>))) {
        return false;
      }
    }
  }
  tests.push_back(test);
  return true;
}

bool Dispatch::isSimple() {
  if (!addTest(root) || !shared || !shared->isBeforeInBlock(root))
    return false;
  // Results are read by launches' outs or the test that yields them, and what
  // is shared is asked for nothing else.
  for (LaunchOp launch : launches)
    for (Value result : launch.getResults())
      for (OpOperand &use : result.getUses()) {
        auto reader = dyn_cast<LaunchOp>(use.getOwner());
        if (reader ? !reader.isDpsInit(&use)
                   : !isa<scf::YieldOp>(use.getOwner()))
          return false;
      }
  return llvm::all_of(shared->getUsers(), [&](Operation *user) {
    return llvm::is_contained(launches, user);
  });
}

/// A buffer in the place of `empty`.
Value Dispatch::allocate(tensor::EmptyOp empty) {
  Value &buffer = buffers[empty];
  if (!buffer) {
    OpBuilder builder(empty);
    buffer = memref::AllocOp::create(
        builder, empty.getLoc(), getBufferType(empty), empty.getDynamicSizes(),
        builder.getI64IntegerAttr(alignment));
    empties.push_back(empty);
  }
  return buffer;
}

void Dispatch::allocate(LaunchOp launch) {
  OpBuilder before(root), builder(launch);
  SmallVector<Value> ins, outs;
  for (Value in : launch.getIns()) {
    Value &buffer = buffers[in];
    if (!buffer)
      buffer = bufferization::ToBufferOp::create(
          before, root.getLoc(), getBufferType(in), in, /*read_only=*/true);
    ins.push_back(buffer);
  }
  for (auto [out, result] :
       llvm::zip_equal(launch.getOuts(), launch.getResults())) {
    auto empty = out.getDefiningOp<tensor::EmptyOp>();
    outs.push_back(empty ? allocate(empty) : buffers.lookup(out));
    buffers[result] = outs.back();
  }
  LaunchOp::create(
      builder, launch.getLoc(), TypeRange(), launch.getKernelAttr(),
      launch.getGridX(), launch.getGridY(), launch.getGridZ(), ins,
      launch.getScalars(), outs, launch.getBlockAttr(), launch.getClusterAttr(),
      launch.getDynamicSharedMemoryAttr(), launch.getDependentLaunchAttr(),
      launch.getAccumulatesAttr(), launch.getReadsOutsAttr(),
      launch.getTensorMapOperandsAttr(), launch.getTensorMapsAttr());
}

void Dispatch::allocate(int64_t bytes) {
  alignment = bytes;
  for (LaunchOp launch : launches)
    allocate(launch);
  OpBuilder builder(root->getContext());
  builder.setInsertionPointAfter(root);
  root.getResult(0).replaceAllUsesWith(bufferization::ToTensorOp::create(
      builder, root.getLoc(), root.getResult(0).getType(), buffers[shared],
      /*restrict=*/true, /*writable=*/true));
  for (scf::IfOp test : tests)
    for (Region &region : test->getRegions())
      region.front().getTerminator()->eraseOperands(0, 1);
  for (scf::IfOp test : tests) {
    builder.setInsertionPoint(test);
    auto bare = scf::IfOp::create(builder, test.getLoc(), test.getCondition(),
                                  /*withElseRegion=*/true);
    bare.getThenRegion().takeBody(test.getThenRegion());
    bare.getElseRegion().takeBody(test.getElseRegion());
    test.erase();
  }
  for (LaunchOp launch : llvm::reverse(launches))
    launch.erase();
  for (tensor::EmptyOp empty : empties)
    empty.erase();
}

} // namespace

void quantmlir::quant_tile::allocateDispatches(func::FuncOp func,
                                               int64_t alignment) {
  SmallVector<Dispatch> dispatches;
  func.walk<WalkOrder::PreOrder>([&](scf::IfOp test) {
    Dispatch dispatch(test);
    if (!dispatch.isSimple())
      return WalkResult::advance();
    dispatches.push_back(std::move(dispatch));
    return WalkResult::skip();
  });
  for (Dispatch &dispatch : dispatches)
    dispatch.allocate(alignment);
}
