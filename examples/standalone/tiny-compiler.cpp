//===- tiny-compiler.cpp - quant-mlir inside somebody else's compiler -----===//
//
// Builds the linalg of one linear layer with four-bit weights, as a front end
// would, and hands it to quant-mlir's passes:
//
//   tiny-compiler [--m=16] [--n=512] [--k=1024] --pipeline='...'
//
//===----------------------------------------------------------------------===//

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Verifier.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "quantmlir/InitAll.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

static llvm::cl::opt<int64_t> rows("m", llvm::cl::init(16));
static llvm::cl::opt<int64_t> columns("n", llvm::cl::init(512));
static llvm::cl::opt<int64_t> depth("k", llvm::cl::init(1024));
static llvm::cl::opt<std::string> pipeline("pipeline", llvm::cl::Required);

/// y[m, n] = sum over k of x[m, k] * w[n, k], the weights encoded with four
/// bits and one bf16 scale for 128 of them.
static OwningOpRef<ModuleOp> buildLinear(MLIRContext &context) {
  OpBuilder b(&context);
  Location loc = b.getUnknownLoc();
  Attribute encoding = parseAttribute(
      "#quant_tensor.encoding<{storage = i4, block = [1, 128], scale = bf16}>",
      &context);
  if (!encoding)
    return {};
  auto xType = RankedTensorType::get({rows, depth}, b.getBF16Type());
  auto wType =
      RankedTensorType::get({columns, depth}, b.getBF16Type(), encoding);
  auto yType = RankedTensorType::get({rows, columns}, b.getF32Type());

  OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
  b.setInsertionPointToStart(module->getBody());
  auto function = func::FuncOp::create(
      b, loc, "linear", b.getFunctionType({xType, wType}, yType));
  Block *body = function.addEntryBlock();
  b.setInsertionPointToStart(body);

  AffineExpr m, n, k;
  bindDims(&context, m, n, k);
  SmallVector<AffineMap> maps = AffineMap::inferFromExprList(
      ArrayRef<SmallVector<AffineExpr, 4>>{{m, k}, {n, k}, {m, n}}, &context);
  Value zero = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(0));
  Value empty =
      tensor::EmptyOp::create(b, loc, yType.getShape(), b.getF32Type());
  Value init = linalg::FillOp::create(b, loc, zero, empty).getResult(0);
  auto matmul = linalg::MatmulOp::create(b, loc, TypeRange{yType},
                                         body->getArguments(), init);
  matmul.setIndexingMapsAttr(b.getAffineMapArrayAttr(maps));
  func::ReturnOp::create(b, loc, matmul.getResults());
  return module;
}

int main(int argc, char **argv) {
  llvm::cl::ParseCommandLineOptions(argc, argv);

  // A compiler that only compiles registers only what it uses; all of both
  // projects is the short way.
  DialectRegistry registry;
  registerAllDialects(registry);
  registerAllExtensions(registry);
  registerAllToLLVMIRTranslations(registry);
  registerAllPasses();
  quantmlir::registerAllDialects(registry);
  quantmlir::registerAllPasses();
  MLIRContext context(registry);
  context.loadAllAvailableDialects();

  OwningOpRef<ModuleOp> module = buildLinear(context);
  PassManager passes(&context);
  if (!module || failed(verify(*module)) ||
      failed(parsePassPipeline(pipeline, passes)) ||
      failed(passes.run(*module)))
    return 1;
  module->print(llvm::outs());
  return 0;
}
