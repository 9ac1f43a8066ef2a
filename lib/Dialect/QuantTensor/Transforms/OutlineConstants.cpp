//===- OutlineConstants.cpp - Weights that are written out ----------------===//

#include "quantmlir/Dialect/QuantTensor/Transforms/Contraction.h"
#include "quantmlir/Dialect/QuantTensor/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/MathExtras.h"

namespace quantmlir::quant_tensor {
#define GEN_PASS_DEF_QUANTTENSOROUTLINECONSTANTS
#include "quantmlir/Dialect/QuantTensor/Transforms/Passes.h.inc"
} // namespace quantmlir::quant_tensor

using namespace mlir;
using namespace quantmlir::quant_tensor;

static constexpr StringRef passName = "quant-tensor-outline-constants";

/// Whether a buffer can hold elements of `type` as an ElementsAttr stores them.
static bool isWholeBytes(Type type) {
  return type.isIntOrFloat() && type.getIntOrFloatBitWidth() % 8 == 0 &&
         llvm::isPowerOf2_32(type.getIntOrFloatBitWidth());
}

/// The value of `op`, where it is a table that a buffer can hold.
static ElementsAttr getTable(arith::ConstantOp op) {
  auto value = dyn_cast<ElementsAttr>(op.getValue());
  auto type = dyn_cast<RankedTensorType>(op.getType());
  if (!value || !type || type.getEncoding() ||
      !isWholeBytes(type.getElementType()) || type.getNumElements() == 0)
    return {};
  if (auto dense = dyn_cast<DenseElementsAttr>(value))
    return dense.isSplat() ? ElementsAttr() : value;
  // A resource may have been dropped from the file it was in.
  auto resource = dyn_cast<DenseResourceElementsAttr>(value);
  return resource && resource.getRawHandle().getBlob() ? value : ElementsAttr();
}

/// Whether the kernels that read the table can hold it.
static bool staysInKernels(arith::ConstantOp op, int64_t maxBytes) {
  auto type = cast<RankedTensorType>(op.getType());
  return isa<DenseElementsAttr>(op.getValue()) &&
         type.getNumElements() <=
             maxBytes * 8 / type.getElementTypeBitWidth() &&
         llvm::all_of(op->getUses(), [](OpOperand &use) {
           // What only moves elements is folded into another constant, for
           // other readers.
           auto reader = dyn_cast<linalg::LinalgOp>(use.getOwner());
           return reader && reader.isDpsInput(&use) &&
                  !llvm::hasSingleElement(*reader.getBlock());
         });
}

namespace {

struct OutlineConstants
    : quantmlir::quant_tensor::impl::QuantTensorOutlineConstantsBase<
          OutlineConstants> {
  using QuantTensorOutlineConstantsBase::QuantTensorOutlineConstantsBase;

  void runOnOperation() override {
    collectNames();
    // Once: each question of its own would walk all of the module.
    SymbolTableCollection tables;
    SymbolUserMap users(tables, getOperation());
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (!function.isExternal())
        outline(function, users);
  }

private:
  void collectNames() {
    for (auto function : getOperation().getOps<func::FuncOp>())
      for (unsigned i = 0, e = function.getNumArguments(); i != e; ++i)
        if (auto name = function.getArgAttrOfType<StringAttr>(
                i, QuantTensorDialect::getNameAttrName()))
          taken.insert(name.getValue());
  }

  StringAttr getNameOf(ElementsAttr value) {
    StringAttr &name = names[value];
    while (!name) {
      std::string next = "constant" + std::to_string(count++);
      if (taken.insert(next).second)
        name = StringAttr::get(&getContext(), next);
    }
    return name;
  }

  void outline(func::FuncOp function, const SymbolUserMap &users) {
    SmallVector<arith::ConstantOp> constants;
    function.walk([&](arith::ConstantOp op) {
      if (!op->use_empty() && getTable(op) && !staysInKernels(op, maxBytes))
        constants.push_back(op);
    });
    if (constants.empty())
      return;
    if (!users.useEmpty(function)) {
      WhyNot whyNot;
      (void)whyNot("the function is called: its signature must stay");
      remarkMissed(function, passName, "constants left in place", whyNot);
      return;
    }
    Builder builder(&getContext());
    // Argument of each constant.
    llvm::DenseMap<Attribute, BlockArgument> arguments;
    for (arith::ConstantOp op : constants) {
      ElementsAttr value = getTable(op);
      BlockArgument &argument = arguments[value];
      if (!argument) {
        unsigned position = function.getNumArguments();
        NamedAttribute attributes[] = {
            builder.getNamedAttr(QuantTensorDialect::getConstantAttrName(),
                                 value),
            builder.getNamedAttr(QuantTensorDialect::getNameAttrName(),
                                 getNameOf(value)),
            builder.getNamedAttr(QuantTensorDialect::getWeightAttrName(),
                                 builder.getUnitAttr())};
        (void)function.insertArgument(position, op.getType(),
                                      builder.getDictionaryAttr(attributes),
                                      op.getLoc());
        argument = function.getArgument(position);
      }
      op->replaceAllUsesWith(ValueRange{argument});
      op.erase();
    }
  }

  /// Names that arguments have.
  llvm::StringSet<> taken;
  llvm::DenseMap<Attribute, StringAttr> names;
  unsigned count = 0;
};

} // namespace
