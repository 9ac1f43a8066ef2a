//===- Layers.h - The contractions that a scheme is about -------*- C++ -*-===//

#ifndef QUANTMLIR_CALIBRATION_LAYERS_H
#define QUANTMLIR_CALIBRATION_LAYERS_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "quantmlir/Calibration/Scheme.h"
#include "quantmlir/Dialect/QuantTensor/Transforms/Contraction.h"

namespace quantmlir::calibration {

/// Marks the ops that rotate activations or weights: no layers.
inline constexpr llvm::StringLiteral rotationAttrName = "quant_tensor.rotation";

/// A contraction of float activations with a float weight.
struct Layer {
  /// `rhs` is the weight, below the transpositions and exact casts it is read
  /// through.
  quant_tensor::Contraction contraction;
  /// Numbers of the op's operands.
  unsigned activation, weight;
  /// The weight's `quant_tensor.name` without a trailing ".weight"; what the
  /// weight's location is called; or "<function>.<number of the contraction>".
  /// Where several functions have a name, "<function>.<name>"; the second use
  /// of a weight in one function is "<name>#2". So it stays the same while the
  /// program's interface does.
  std::string name;

  mlir::linalg::LinalgOp getOp() const {
    return llvm::cast<mlir::linalg::LinalgOp>(contraction.op);
  }
  mlir::Value getActivation() const {
    return contraction.op->getOperand(activation);
  }
  /// The weight as it is stored.
  mlir::Value getWeight() const { return contraction.rhs.value; }
  /// Which loop each dimension of `getActivation()` belongs to.
  llvm::SmallVector<unsigned> getActivationLoops() const;
  /// The dimension of `getActivation()` that is contracted.
  unsigned getActivationAxis() const;
  /// The dimension of `getWeight()` that is contracted.
  unsigned getWeightAxis() const;
  /// Names of the statistics of the activations, and of the weight.
  std::string getActivationName() const { return name + ".input"; }
  std::string getWeightName() const { return name + ".weight"; }

  /// Makes the contraction read `value` in place of its weight, through copies
  /// of the transpositions and casts in between. `value` has the weight's type,
  /// or is encoded where nothing is in between.
  void replaceWeight(mlir::OpBuilder &builder, mlir::Value value) const;
  /// Whether something is in between.
  bool isWeightSeenThrough() const;
};

/// All layers of the module's functions, in order. A contraction of floats that
/// is none says why in a missed remark of `pass`, where that is not empty.
std::vector<Layer> findLayers(mlir::ModuleOp module, llvm::StringRef pass);

/// Whether `value` depends on weights (arguments with `quant_tensor.weight`, or
/// tables of constants) and on nothing else that is not constant.
bool isWeightValue(mlir::Value value);

/// Calls `rewrite` with all layers of the module and, of these, each group that
/// reads one value along one dimension, without layers whose weights the
/// schemes leave out: `base`, or what `overrides` say of a name. `rewrite` may
/// replace the layers' ops; its failure ends the walk. Remarks on what is no
/// layer are of `pass`.
mlir::LogicalResult forEachGroupOfReaders(
    mlir::ModuleOp module, llvm::StringRef pass, const Scheme &base,
    const std::vector<SchemeOverride> &overrides,
    llvm::function_ref<mlir::LogicalResult(llvm::ArrayRef<Layer> layers,
                                           llvm::ArrayRef<const Layer *> group)>
        rewrite);

/// Whether `use` is where one of `group` reads its activations.
bool isActivationOf(llvm::ArrayRef<const Layer *> group, mlir::OpOperand &use);

/// The names, quoted, with commas in between.
std::string quoteNames(llvm::ArrayRef<const Layer *> group);

/// The encoding that `scheme` gives a tensor of `type`, whose dimension `k` is
/// contracted and whose last other one has the rows of 2-D blocks. A block that
/// is larger than a dimension is the whole dimension. Integer codes of
/// activations, of 3 and of 5 to 7 bits, lie in 4 and 8 bits with their
/// `range`.
quant_tensor::EncodingAttr makeEncoding(mlir::RankedTensorType type, unsigned k,
                                        const TensorScheme &scheme,
                                        bool isWeight = true);

/// The dialect's name of a method.
quant_tensor::ParamMethod getParamMethod(Method method);

} // namespace quantmlir::calibration

#endif // QUANTMLIR_CALIBRATION_LAYERS_H
