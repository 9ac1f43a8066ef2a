//===- QuantTensorHarness.cpp - What both quant_tensor fuzzers do ---------===//

#include "QuantTensorHarness.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "quantmlir/Dialect/QuantTensor/IR/QuantTensor.h"
#include "quantmlir/Dialect/QuantTensor/Transforms/Passes.h"

#include <cstdlib>

using namespace mlir;
using namespace quantmlir;

/// libMLIR is not instrumented: what an inlined allocator or container of ours
/// poisons, its own copy of the code uses freely.
extern "C" const char *__asan_default_options() {
  return "allow_user_poisoning=0:detect_container_overflow=0:"
         "detect_odr_violation=0";
}

MLIRContext &fuzz::Harness::getContext() {
  if (!context || ++uses == 2000) {
    uses = 0;
    context = std::make_unique<MLIRContext>(MLIRContext::Threading::DISABLED);
    context->loadDialect<affine::AffineDialect, arith::ArithDialect,
                         bufferization::BufferizationDialect, func::FuncDialect,
                         linalg::LinalgDialect, math::MathDialect,
                         scf::SCFDialect, tensor::TensorDialect,
                         quant_tensor::QuantTensorDialect>();
    context->getDiagEngine().registerHandler([](Diagnostic &) {});
  }
  return *context;
}

/// The canonicalisation patterns of our ops and dialect; upstream's own are
/// not what is tested.
static FrozenRewritePatternSet getPatterns(MLIRContext &context) {
  RewritePatternSet patterns(&context);
  for (RegisteredOperationName name : context.getRegisteredOperations())
    if (isa<quant_tensor::QuantTensorDialect>(name.getDialect()))
      name.getCanonicalizationPatterns(patterns, &context);
  quant_tensor::populateCastToDequantizePatterns(patterns);
  return patterns;
}

void fuzz::Harness::roundTrip(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream os(text);
  module.print(os);
  ParserConfig config(context.get());
  if (!parseSourceString<ModuleOp>(text, config))
    std::abort();
}

void fuzz::Harness::exercise(ModuleOp module) {
  SmallVector<Operation *> ours;
  module.walk([&](Operation *op) {
    if (isa_and_present<quant_tensor::QuantTensorDialect>(op->getDialect()))
      ours.push_back(op);
  });
  OwningOpRef<ModuleOp> copy = module.clone();
  copy->walk([&](Operation *op) {
    // Asking an upstream op would need all of its external models.
    if (!isa_and_present<quant_tensor::QuantTensorDialect>(op->getDialect()))
      return;
    OpBuilder builder(op);
    ReifiedRankedShapedTypeDims shapes;
    if (auto reifiable = dyn_cast<ReifyRankedShapedTypeOpInterface>(op))
      (void)reifiable.reifyResultShapes(builder, shapes);
  });

  PassManager passes(context.get());
  passes.addPass(quant_tensor::createQuantTensorVerifyEncodings());
  (void)passes.run(*copy);

  GreedyRewriteConfig options;
  options.setStrictness(GreedyRewriteStrictness::ExistingAndNewOps);
  (void)applyOpPatternsGreedily(ours, getPatterns(*context), options);
  if (failed(verify(module)))
    std::abort();
}

/// Text that upstream's own parsers crash on, in LLVM 22.1.8: found by this
/// fuzzer, with a null pointer or an assumption that a release build does not
/// check at the end of a stack that holds none of our functions. A damaged
/// operand of such an op would otherwise end every run.
static constexpr StringRef excluded[] = {
    // parseDstStyleOp sets a null attribute when the list after
    // `dimensions =` or `permutation =` does not parse.
    // All structured ops share that parser.
    "linalg.",
};

bool fuzz::crashesUpstream(StringRef text) {
  if (llvm::any_of(excluded, [&](StringRef op) { return text.contains(op); }))
    return true;
  // The verifier of linalg.matmul looks at the results of an indexing map
  // before it counts them. Bytecode keeps an op's name apart from its
  // dialect's.
  if (text.contains("matmul") && text.contains("-> ()"))
    return true;
  // Upstream's parsers recurse without a bound: nesting ends in a stack
  // overflow in its own code.
  unsigned depth = 0;
  for (char c : text) {
    if (c == '<' || c == '[' || c == '(' || c == '{')
      ++depth;
    else if ((c == '>' || c == ']' || c == ')' || c == '}') && depth)
      --depth;
    if (depth > 256)
      return true;
  }
  return false;
}
