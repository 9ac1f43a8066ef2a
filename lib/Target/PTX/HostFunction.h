//===- HostFunction.h - A host function as a launch plan --------*- C++ -*-===//
//
// HostExpression.cpp reads index arithmetic and views; HostFunction.cpp reads
// functions, allocations and launches. Manifest.cpp puts the file together.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_LIB_TARGET_PTX_HOSTFUNCTION_H
#define QUANTMLIR_LIB_TARGET_PTX_HOSTFUNCTION_H

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/JSON.h"

namespace quantmlir {

/// An expression of the manifest: an integer, a dimension's name or
/// [op, a, b].
using Expression = llvm::json::Value;

/// What a memref value is at run time: a window of one buffer.
struct Descriptor {
  int64_t buffer = 0;
  Expression offset = 0;
  llvm::SmallVector<Expression> sizes, strides;
};

/// The kernels that functions launch, as manifest entries by name.
using KernelEntries = llvm::MapVector<llvm::StringRef, llvm::json::Object>;

/// Reads one host function.
class HostFunction {
public:
  HostFunction(mlir::func::FuncOp func, KernelEntries &kernels)
      : func(func), kernels(kernels) {}

  /// Writes the function's manifest entry, or says what it cannot hold, at the
  /// op.
  mlir::LogicalResult emit(llvm::json::OStream &json);

private:
  // Buffers, steps: HostFunction.cpp.
  mlir::LogicalResult addArgument(mlir::BlockArgument argument);
  mlir::LogicalResult addAllocation(mlir::Operation *op, mlir::Value value);
  mlir::LogicalResult addBody(mlir::Block &block,
                              llvm::ArrayRef<Expression> conditions);
  void addRequirement(Expression condition);
  mlir::LogicalResult addAssertion(mlir::cf::AssertOp op);
  void joinRequirements(const Expression &condition,
                        llvm::ArrayRef<Expression> inThen,
                        llvm::ArrayRef<Expression> inElse);
  /// One kernel launch, without the objects that it is written as: each of
  /// theirs is a hash table, of kilobytes, and a model has 100 000.
  struct Step {
    llvm::StringRef kernel;
    llvm::SmallVector<Expression, 3> grid;
    /// What each parameter gets, and what kind of thing that is.
    std::vector<std::pair<llvm::StringRef, Expression>> arguments;
    std::optional<Expression> when;
  };
  static void write(llvm::json::OStream &json, const Step &step);

  /// Adds a step that is executed where all of `conditions` hold.
  mlir::LogicalResult addLaunch(mlir::gpu::LaunchFuncOp op,
                                llvm::ArrayRef<Expression> conditions);
  mlir::LogicalResult addKernel(mlir::gpu::LaunchFuncOp op,
                                llvm::json::Array parameters);
  mlir::LogicalResult addOutputs(mlir::func::ReturnOp op);
  mlir::LogicalResult addOutputShapes(mlir::func::ReturnOp op);
  int64_t addBuffer(llvm::StringRef name, llvm::StringRef role,
                    mlir::MemRefType type, llvm::ArrayRef<Expression> shape);

  // Arithmetic, views: HostExpression.cpp.
  mlir::FailureOr<Expression> evaluate(mlir::Value value);
  mlir::FailureOr<Expression> evaluate(mlir::Operation *op,
                                       llvm::StringRef name);
  mlir::FailureOr<Expression> evaluate(mlir::AffineExpr expr,
                                       mlir::ValueRange dims,
                                       mlir::ValueRange symbols);
  mlir::FailureOr<Expression> evaluate(mlir::OpFoldResult value);
  /// The least ("min") or greatest ("max") of what `map` gives.
  mlir::FailureOr<Expression> evaluateExtremum(llvm::StringRef name,
                                               mlir::AffineMap map,
                                               mlir::ValueRange dims,
                                               mlir::ValueRange symbols);
  mlir::FailureOr<Descriptor> describe(mlir::Value memref);
  mlir::FailureOr<Expression> describe(quant_tile::TensorMapOp op);
  mlir::FailureOr<Descriptor> describeView(mlir::Operation *op);

  mlir::func::FuncOp func;
  KernelEntries &kernels;
  llvm::DenseMap<mlir::Value, Descriptor> descriptors;
  /// Buffer index of each allocation that is returned.
  llvm::DenseMap<mlir::Value, int64_t> outputs;
  /// What must hold wherever the block that is being read is executed.
  llvm::SmallVector<Expression> requirements;
  llvm::json::Array dims, buffers;
  std::vector<Step> steps;
};

/// `name` applied to `lhs` and `rhs`, computed where both are integers.
Expression makeExpression(llvm::StringRef name, Expression lhs, Expression rhs);

/// Not `operand`.
Expression makeNegation(Expression operand);

/// Adds `next` to conditions that all have to hold, in the place of one that
/// follows from it: of the bounds of a size, only the tightest say anything.
void addCondition(llvm::SmallVectorImpl<Expression> &conditions,
                  Expression next);

/// Whether `conclusion` holds wherever `condition` does, as far as bounds of
/// one size tell.
bool implies(const Expression &condition, const Expression &conclusion);

/// Row-major strides of `sizes`.
llvm::SmallVector<Expression>
getRowMajorStrides(llvm::ArrayRef<Expression> sizes);

} // namespace quantmlir

#endif // QUANTMLIR_LIB_TARGET_PTX_HOSTFUNCTION_H
