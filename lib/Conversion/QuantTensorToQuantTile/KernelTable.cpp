//===- KernelTable.cpp - Equal kernels are made once ----------------------===//

#include "quantmlir/Conversion/QuantTensorToQuantTile/KernelBuilder.h"

#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"

using namespace mlir;
using namespace quantmlir;

/// The symbol of the gpu.module that holds every kernel.
static constexpr StringLiteral kKernelModule = "kernels";

KernelTable::KernelTable(ModuleOp module) : module(module) {
  kernels = module.lookupSymbol<gpu::GPUModuleOp>(kKernelModule);
  if (!kernels)
    return;
  // Kernels of an earlier run, or written by hand: keep clear of their names.
  next = std::distance(kernels.getBodyRegion().front().begin(),
                       kernels.getBodyRegion().front().end());
}

gpu::GPUModuleOp KernelTable::getModule() {
  if (!kernels) {
    OpBuilder builder = OpBuilder::atBlockBegin(module.getBody());
    kernels = gpu::GPUModuleOp::create(builder, module.getLoc(), kKernelModule);
    module->setAttr(gpu::GPUDialect::getContainerModuleAttrName(),
                    builder.getUnitAttr());
  }
  return kernels;
}

FailureOr<gpu::GPUFuncOp> KernelTable::build(Location loc, StringRef baseName,
                                             TypeRange parameters,
                                             KernelBodyFn body) {
  gpu::GPUModuleOp parent = getModule();
  OpBuilder builder = OpBuilder::atBlockEnd(&parent.getBodyRegion().front());
  std::string name;
  do {
    name = (baseName + "_" + Twine(next++)).str();
  } while (parent.lookupSymbol(name));
  auto kernel = gpu::GPUFuncOp::create(builder, loc, name,
                                       builder.getFunctionType(parameters, {}));
  kernel->setAttr(gpu::GPUDialect::getKernelFuncAttrName(),
                  builder.getUnitAttr());
  // A kernel's operands never overlap what it writes: bufferization gives an
  // out a place of its own unless the kernel may compute in place.
  builder.setInsertionPointToEnd(&kernel.getBody().front());
  auto end = gpu::ReturnOp::create(builder, loc);
  builder.setInsertionPoint(end);
  if (failed(body(builder, kernel))) {
    kernel.erase();
    return failure();
  }
  return kernel;
}

FailureOr<gpu::GPUFuncOp>
KernelTable::getOrBuild(Location loc, StringRef baseName, StringRef signature,
                        TypeRange parameters, KernelBodyFn body) {
  auto [it, inserted] = bySignature.try_emplace(signature);
  if (!inserted)
    return it->second;
  FailureOr<gpu::GPUFuncOp> kernel = build(loc, baseName, parameters, body);
  if (failed(kernel)) {
    bySignature.erase(signature);
    return failure();
  }
  bySignature[signature] = *kernel;
  return kernel;
}

FailureOr<gpu::GPUFuncOp> KernelTable::getOrBuild(Location loc,
                                                  StringRef baseName,
                                                  TypeRange parameters,
                                                  KernelBodyFn body) {
  unsigned number = next;
  FailureOr<gpu::GPUFuncOp> kernel = build(loc, baseName, parameters, body);
  if (failed(kernel))
    return failure();
  // The text without the name tells two kernels apart; numbering is local to
  // the function, so equal bodies print equally.
  std::string text = baseName.str();
  llvm::raw_string_ostream os(text);
  StringAttr name = kernel->getNameAttr();
  kernel->setName("kernel");
  kernel->getOperation()->print(os, OpPrintingFlags().useLocalScope());
  kernel->setName(name);
  auto [it, inserted] = bySignature.try_emplace(text, *kernel);
  if (!inserted) {
    kernel->erase();
    next = number;
  }
  return it->second;
}

quant_tile::LaunchOp quantmlir::createLaunch(RewriterBase &rewriter,
                                             Location loc,
                                             const KernelCall &call) {
  gpu::GPUFuncOp kernel = call.kernel;
  auto parent = kernel->getParentOfType<gpu::GPUModuleOp>();
  auto symbol = SymbolRefAttr::get(
      parent.getSymNameAttr(), {FlatSymbolRefAttr::get(kernel.getNameAttr())});
  SmallVector<Type> results;
  for (Value out : call.outs)
    if (isa<TensorType>(out.getType()))
      results.push_back(out.getType());
  SmallVector<int64_t> mapped;
  SmallVector<Attribute> maps;
  for (auto [operand, map] : call.tensorMaps) {
    mapped.push_back(operand);
    maps.push_back(map);
  }
  return quant_tile::LaunchOp::create(
      rewriter, loc, results, symbol, call.grid[0], call.grid[1], call.grid[2],
      call.ins, call.scalars, call.outs,
      rewriter.getDenseI64ArrayAttr(call.block),
      call.cluster ? rewriter.getDenseI64ArrayAttr(*call.cluster)
                   : DenseI64ArrayAttr(),
      rewriter.getI64IntegerAttr(call.dynamicSharedMemory),
      call.dependentLaunch ? rewriter.getUnitAttr() : UnitAttr(),
      call.accumulates ? rewriter.getUnitAttr() : UnitAttr(),
      call.readsOuts.empty() ? DenseI64ArrayAttr()
                             : rewriter.getDenseI64ArrayAttr(call.readsOuts),
      maps.empty() ? DenseI64ArrayAttr()
                   : rewriter.getDenseI64ArrayAttr(mapped),
      maps.empty() ? ArrayAttr() : rewriter.getArrayAttr(maps));
}

void quantmlir::replaceWithLaunch(RewriterBase &rewriter, Operation *op,
                                  const KernelCall &call) {
  quant_tile::LaunchOp launch = createLaunch(rewriter, op->getLoc(), call);
  rewriter.replaceOp(op, launch.getResults().take_front(op->getNumResults()));
}
