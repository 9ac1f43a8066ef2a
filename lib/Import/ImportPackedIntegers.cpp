//===- ImportPackedIntegers.cpp - i4 tensors as packed bytes --------------===//

#include "quantmlir/Import/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/SymbolTable.h"

namespace quantmlir {
#define GEN_PASS_DEF_IMPORTPACKEDINTEGERS
#include "quantmlir/Import/Passes.h.inc"
} // namespace quantmlir

using namespace mlir;

/// The type as a tensor of i4, else null.
static RankedTensorType getPackable(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.getElementType().isSignlessInteger(4) &&
                 !tensor.getEncoding()
             ? tensor
             : RankedTensorType();
}

/// Rows of i4 as rows of whole bytes.
static RankedTensorType getPackedType(RankedTensorType type) {
  SmallVector<int64_t> shape(type.getShape());
  shape.back() = llvm::divideCeil(shape.back(), 2);
  return RankedTensorType::get(shape, IntegerType::get(type.getContext(), 8));
}

/// One nibble of each of `bytes`, as i4.
static Value takeNibble(OpBuilder &builder, Location loc, Value bytes,
                        bool high) {
  auto type = cast<RankedTensorType>(bytes.getType());
  Type i4 = builder.getIntegerType(4);
  Value empty = tensor::EmptyOp::create(
      builder, loc, tensor::getMixedSizes(builder, loc, bytes), i4);
  AffineMap map = builder.getMultiDimIdentityMap(type.getRank());
  SmallVector<utils::IteratorType> loops(type.getRank(),
                                         utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             builder, loc, empty.getType(), bytes, empty,
             ArrayRef<AffineMap>{map, map}, loops,
             [&](OpBuilder &inner, Location innerLoc, ValueRange arguments) {
               Value value = arguments[0];
               if (high) {
                 Value four = arith::ConstantOp::create(
                     inner, innerLoc, inner.getI8IntegerAttr(4));
                 value = arith::ShRUIOp::create(inner, innerLoc, value, four);
               }
               value = arith::TruncIOp::create(inner, innerLoc, i4, value);
               linalg::YieldOp::create(inner, innerLoc, value);
             })
      .getResult(0);
}

/// The tensor of `type` that `bytes` hold, two elements each: the form that
/// import-dequantize takes for packed codes.
static Value unpack(OpBuilder &builder, Location loc, Value bytes,
                    RankedTensorType type) {
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, bytes);
  int64_t last = type.getRank() - 1;
  int64_t numBytes = cast<RankedTensorType>(bytes.getType()).getDimSize(last);
  SmallVector<OpFoldResult> whole = sizes;
  whole.back() = builder.getIndexAttr(numBytes * 2);
  Value result =
      tensor::EmptyOp::create(builder, loc, whole, type.getElementType());
  SmallVector<OpFoldResult> offsets(type.getRank(), builder.getIndexAttr(0));
  SmallVector<OpFoldResult> strides(type.getRank(), builder.getIndexAttr(1));
  strides.back() = builder.getIndexAttr(2);
  for (bool high : {false, true}) {
    offsets.back() = builder.getIndexAttr(high);
    result = tensor::InsertSliceOp::create(
        builder, loc, takeNibble(builder, loc, bytes, high), result, offsets,
        sizes, strides);
  }
  if (numBytes * 2 == type.getDimSize(last))
    return result;
  // The last byte of a row of odd length holds one element.
  offsets.back() = builder.getIndexAttr(0);
  strides.back() = builder.getIndexAttr(1);
  whole.back() = builder.getIndexAttr(type.getDimSize(last));
  return tensor::ExtractSliceOp::create(builder, loc, type, result, offsets,
                                        whole, strides);
}

/// The elements of a constant, a byte each; nothing where they are not here.
static std::optional<SmallVector<uint8_t>> getElements(TypedAttr value) {
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<uint8_t> elements;
  if (auto dense = dyn_cast<DenseIntElementsAttr>(value)) {
    if (dense.isSplat())
      return std::nullopt;
    for (APInt element : dense.getValues<APInt>())
      elements.push_back(element.getZExtValue());
    return elements;
  }
  auto resource = dyn_cast<DenseResourceElementsAttr>(value);
  AsmResourceBlob *blob =
      resource ? resource.getRawHandle().getBlob() : nullptr;
  if (!blob || blob->getData().size() != size_t(type.getNumElements()))
    return std::nullopt;
  for (char element : blob->getData())
    elements.push_back(element & 15);
  return elements;
}

namespace {

struct ImportPackedIntegers
    : quantmlir::impl::ImportPackedIntegersBase<ImportPackedIntegers> {
  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    auto isPackable = [](Type type) { return bool(getPackable(type)); };
    for (auto function :
         llvm::to_vector(getOperation().getOps<func::FuncOp>())) {
      function.walk(packConstant);
      // What is not public is called by what is, and inlined.
      if (!function.isPublic() || function.isExternal())
        continue;
      if (llvm::any_of(function.getResultTypes(), isPackable)) {
        function.emitError()
            << "returns a tensor of i4: extend it to i8 first, which "
               "has a buffer of its own";
        return signalPassFailure();
      }
      if (llvm::none_of(function.getArgumentTypes(), isPackable))
        continue;
      keepCalls(function, symbols);
      if (failed(packArguments(function)))
        return signalPassFailure();
    }
  }

  static void packConstant(arith::ConstantOp op) {
    RankedTensorType type = getPackable(op.getType());
    if (!type || type.getRank() == 0)
      return;
    std::optional<SmallVector<uint8_t>> elements = getElements(op.getValue());
    if (!elements)
      return;
    RankedTensorType packedType = getPackedType(type);
    int64_t columns = type.getShape().back();
    int64_t bytes = packedType.getShape().back();
    SmallVector<int8_t> packed(packedType.getNumElements());
    for (auto [index, element] : llvm::enumerate(*elements)) {
      int64_t column = index % columns;
      packed[index / columns * bytes + column / 2] |= element
                                                      << (column % 2 * 4);
    }
    OpBuilder builder(op);
    Value constant = arith::ConstantOp::create(
        builder, op.getLoc(),
        DenseElementsAttr::get(packedType, ArrayRef<int8_t>(packed)));
    op.replaceAllUsesWith(unpack(builder, op.getLoc(), constant, type));
    op.erase();
  }

  /// Calls of `function` go on to hand over i4, to a private copy.
  void keepCalls(func::FuncOp function, SymbolTable &symbols) {
    std::optional<SymbolTable::UseRange> uses =
        SymbolTable::getSymbolUses(function, getOperation());
    if (!uses || uses->empty())
      return;
    func::FuncOp copy = function.clone();
    copy.setPrivate();
    StringAttr name = symbols.insert(copy);
    (void)SymbolTable::replaceAllSymbolUses(function.getSymNameAttr(), name,
                                            getOperation());
  }

  static LogicalResult packArguments(func::FuncOp function) {
    OpBuilder builder = OpBuilder::atBlockBegin(&function.getBody().front());
    for (BlockArgument argument : function.getArguments()) {
      RankedTensorType type = getPackable(argument.getType());
      if (!type)
        continue;
      if (type.getRank() == 0 || ShapedType::isDynamic(type.getShape().back()))
        return emitError(argument.getLoc())
               << "argument #" << argument.getArgNumber() << " of @"
               << function.getName() << " has type " << type
               << ": i4 is packed two to a byte along the last dimension, "
                  "which must be static";
      argument.setType(getPackedType(type));
      Value unpacked = unpack(builder, argument.getLoc(), argument, type);
      argument.replaceUsesWithIf(unpacked, [&](OpOperand &use) {
        return !isPartOf(use.getOwner(), unpacked);
      });
    }
    function.setFunctionType(FunctionType::get(
        function.getContext(), function.getBody().front().getArgumentTypes(),
        function.getResultTypes()));
    return success();
  }

  /// Whether `op` is one of those that compute `unpacked`.
  static bool isPartOf(Operation *op, Value unpacked) {
    Operation *last = unpacked.getDefiningOp();
    return op->getBlock() == last->getBlock() && !last->isBeforeInBlock(op);
  }
};

} // namespace
