//===- Compile.cpp - From a module to an artifact -------------------------===//

#include "quantmlir/Pipelines/Compile.h"

#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/Transforms/FuncBufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/Extensions/InlinerExtension.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/Dialect/Quant/IR/Quant.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Tensor/IR/TensorInferTypeOpInterfaceImpl.h"
#include "mlir/Dialect/Tensor/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/Verifier.h"
#include "quantmlir/Dialect/QuantTensor/IR/QuantTensor.h"
#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"
#include "quantmlir/Import/Passes.h"
#include "quantmlir/Schedule/Chips.h"
#include "quantmlir/Target/PTX/EmitPTX.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"

using namespace mlir;
using namespace quantmlir;

void quantmlir::registerCompilerDialects(DialectRegistry &registry) {
  registry.insert<affine::AffineDialect, arith::ArithDialect,
                  bufferization::BufferizationDialect, cf::ControlFlowDialect,
                  func::FuncDialect, gpu::GPUDialect, linalg::LinalgDialect,
                  LLVM::LLVMDialect, math::MathDialect, memref::MemRefDialect,
                  nvgpu::NVGPUDialect, NVVM::NVVMDialect, quant::QuantDialect,
                  scf::SCFDialect, tensor::TensorDialect, ub::UBDialect,
                  vector::VectorDialect, quant_tensor::QuantTensorDialect,
                  quant_tile::QuantTileDialect>();
  arith::registerBufferizableOpInterfaceExternalModels(registry);
  bufferization::func_ext::registerBufferizableOpInterfaceExternalModels(
      registry);
  scf::registerBufferizableOpInterfaceExternalModels(registry);
  tensor::registerBufferizableOpInterfaceExternalModels(registry);
  tensor::registerInferTypeOpInterfaceExternalModels(registry);
  func::registerInlinerExtension(registry);
  registerPTXTranslations(registry);
}

/// Runs the passes that `build` adds on `module`, verifying it after each if
/// `verifyEach`.
static LogicalResult
runStage(ModuleOp module, const CompileOptions &options, TimingScope &timing,
         function_ref<void(OpPassManager &, const PipelineOptions &)> build,
         bool verifyEach = true) {
  PassManager pm(module->getName());
  pm.enableVerifier(verifyEach);
  if (options.configure && failed(options.configure(pm)))
    return failure();
  pm.enableTiming(timing);
  build(pm, options);
  return pm.run(module);
}

/// Assembles `ptx`; what ptxas says goes into an error at `module`.
static FailureOr<std::string> assemble(ModuleOp module, StringRef ptx,
                                       const CompileOptions &options) {
  SmallString<64> paths[3];
  const char *suffixes[3] = {"ptx", "cubin", "log"};
  auto remove = llvm::make_scope_exit([&] {
    for (StringRef path : paths)
      llvm::sys::fs::remove(path);
  });
  for (auto [path, suffix] : llvm::zip_equal(paths, suffixes))
    if (std::error_code error =
            llvm::sys::fs::createTemporaryFile("quantmlir", suffix, path))
      return module.emitError()
             << "cannot make a temporary file: " << error.message();
  std::error_code error;
  llvm::raw_fd_ostream file(paths[0], error);
  file << ptx;
  file.close();
  if (!error)
    error = file.error();
  // Unless cleared, the stream's destructor ends the process.
  file.clear_error();
  if (error)
    return module.emitError()
           << "cannot write " << paths[0] << ": " << error.message();

  std::string arch = "-arch=" + options.chip;
  StringRef arguments[] = {options.ptxas, arch, "-O3",
                           paths[0],      "-o", paths[1]};
  std::optional<StringRef> redirects[] = {std::nullopt, StringRef(paths[2]),
                                          StringRef(paths[2])};
  std::string message;
  int status = llvm::sys::ExecuteAndWait(options.ptxas, arguments, std::nullopt,
                                         redirects, 0, 0, &message);
  if (status != 0) {
    auto log = llvm::MemoryBuffer::getFile(paths[2]);
    if (message.empty())
      message = "exit status " + std::to_string(status);
    return module.emitError() << options.ptxas << " failed: " << message << "\n"
                              << (log ? (*log)->getBuffer() : StringRef());
  }
  auto cubin = llvm::MemoryBuffer::getFile(paths[1]);
  if (!cubin)
    return module.emitError() << "cannot read " << paths[1];
  return (*cubin)->getBuffer().str();
}

/// Appends the kernels of `module`, without the host's functions, as bytecode.
static LogicalResult writeKernels(ModuleOp module, std::string &contents) {
  OwningOpRef<ModuleOp> kernels = ModuleOp::create(module.getLoc());
  SmallVector<std::pair<Operation *, Operation *>> places;
  // They are the larger part of all that there is, so they are moved, and back.
  for (auto gpuModule :
       llvm::make_early_inc_range(module.getOps<gpu::GPUModuleOp>())) {
    places.push_back({gpuModule, gpuModule->getNextNode()});
    gpuModule->remove();
    kernels->push_back(gpuModule);
  }
  llvm::raw_string_ostream stream(contents);
  LogicalResult written = writeBytecodeToFile(*kernels, stream);
  // Backwards: what comes next may be one that was moved as well.
  for (auto [gpuModule, next] : llvm::reverse(places)) {
    gpuModule->remove();
    Block *block = module.getBody();
    block->getOperations().insert(next ? next->getIterator() : block->end(),
                                  gpuModule);
  }
  if (failed(written))
    return module.emitError() << "kernels cannot be written as bytecode";
  return success();
}

/// Whether a constant's resource, which MLIR takes as it is, has the bytes of
/// its type. One that is missing altogether may never be read.
static LogicalResult checkResource(arith::ConstantOp op) {
  auto resource = dyn_cast<DenseResourceElementsAttr>(op.getValue());
  AsmResourceBlob *blob =
      resource ? resource.getRawHandle().getBlob() : nullptr;
  ShapedType type = resource ? resource.getType() : ShapedType();
  if (!blob || !type.getElementType().isIntOrFloat())
    return success();
  size_t expected = type.getNumElements() *
                    llvm::divideCeil(type.getElementTypeBitWidth(), 8);
  if (blob->getData().size() == expected)
    return success();
  return op.emitOpError() << "reads the resource '"
                          << resource.getRawHandle().getKey() << "' of "
                          << blob->getData().size() << " bytes as " << type
                          << ", which has " << expected;
}

/// Whether every tensor that the program names is dense or encoded by us, and
/// its bytes can be counted.
/// Dynamic extents are checked when a plan is made.
static LogicalResult checkSizes(ModuleOp module) {
  auto check = [](Type type, Location loc) -> LogicalResult {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (tensor && tensor.getEncoding() && !quant_tensor::getEncoding(tensor))
      return emitError(loc) << "a value of type " << type
                            << " has an encoding that no pass here respects; "
                               "expected none or #quant_tensor.encoding";
    auto shaped = dyn_cast<ShapedType>(type);
    if (!shaped || !shaped.hasRank())
      return success();
    int64_t bytes = 1;
    if (shaped.getElementType().isIntOrFloat())
      bytes = llvm::divideCeil(shaped.getElementTypeBitWidth(), 8);
    for (int64_t extent : shaped.getShape()) {
      if (extent == 0)
        return success();
      if (!ShapedType::isDynamic(extent) &&
          llvm::MulOverflow(bytes, extent, bytes))
        return emitError(loc) << "a value of type " << type
                              << " has more bytes than 64 bits can count";
    }
    return success();
  };
  WalkResult result = module.walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (auto constant = dyn_cast<arith::ConstantOp>(op);
        constant && failed(checkResource(constant)))
      return WalkResult::interrupt();
    for (Type type : op->getResultTypes())
      if (failed(check(type, op->getLoc())))
        return WalkResult::interrupt();
    for (Region &region : op->getRegions())
      for (Block &block : region)
        for (BlockArgument argument : block.getArguments())
          if (failed(check(argument.getType(), argument.getLoc())))
            return WalkResult::interrupt();
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

/// A copy of `module` without what it says about how to compute: schedules
/// written by hand are nothing to a reference.
static OwningOpRef<ModuleOp> withoutSchedules(ModuleOp module) {
  OwningOpRef<ModuleOp> copy = module.clone();
  copy->walk([](Operation *op) {
    op->removeAttr(quant_tile::ScheduleAttr::getAttrName());
    op->removeAttr(quant_tile::ScheduleAttr::getListAttrName());
  });
  return copy;
}

/// Appends the program as bytecode, which the CPU runs; nothing where it has
/// kernels already: they say how and no longer what.
static LogicalResult writeReference(ModuleOp module, std::string &contents) {
  auto kernels = module.getOps<gpu::GPUModuleOp>();
  if (!kernels.empty()) {
    emitWarning((*kernels.begin()).getLoc())
        << "the module has kernels already: its artifact has no reference for "
           "the CPU";
    return success();
  }
  llvm::raw_string_ostream stream(contents);
  if (failed(writeBytecodeToFile(*withoutSchedules(module), stream)))
    return module.emitError() << "cannot be written as bytecode";
  return success();
}

/// Whether all functions stand in `module` itself. Passes and the manifest look
/// no deeper, so those of a module in it would be lost.
static LogicalResult checkNesting(ModuleOp module) {
  WalkResult result = module.walk([&](func::FuncOp function) {
    if (function->getParentOp() == module)
      return WalkResult::advance();
    function.emitError() << "@" << function.getName()
                         << " is in a nested op; an artifact is made of the "
                            "functions of the outermost module";
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

FailureOr<Artifact> quantmlir::compileModule(ModuleOp module,
                                             const CompileOptions &options,
                                             TimingScope &timing) {
  if (!schedule::lookupChip(options.chip,
                            [&] { return emitError(module.getLoc()); }))
    return failure();

  if (failed(checkNesting(module)) || failed(checkSizes(module)))
    return failure();

  // The program as the user wrote it is the reference for what comes out, but
  // that both take scalars as tensors and i4 as packed bytes.
  if (failed(runStage(module, options, timing,
                      [](OpPassManager &pm, const PipelineOptions &) {
                        pm.addPass(createImportScalarArguments());
                        pm.addPass(createImportPackedIntegers());
                      })))
    return failure();
  ArtifactFile reference{"", "reference.mlirbc", ""};
  {
    TimingScope scope = timing.nest("Reference");
    if (failed(writeReference(module, reference.contents)))
      return failure();
  }

  if (failed(runStage(module, options, timing,
                      [](OpPassManager &pm, const PipelineOptions &options) {
                        buildAlgebraPipeline(pm, options);
                        buildSchedulePipeline(pm, options);
                        buildKernelPipeline(pm, options);
                      })))
    return failure();
  // From here on everything is ours and large, and no user's mistake is left to
  // be told: one look at what is written and translated is enough.
  if (failed(runStage(module, options, timing, buildNVVMPipeline,
                      options.verifyEach)))
    return failure();
  if (!options.verifyEach) {
    TimingScope scope = timing.nest("Verifier");
    if (failed(verify(module)))
      return failure();
  }

  ArtifactFile kernelsIR{"", "kernels.mlirbc", ""};
  {
    TimingScope scope = timing.nest("Kernels' IR");
    if (failed(writeKernels(module, kernelsIR.contents)))
      return failure();
  }
  if (failed(runStage(module, options, timing, buildInstructionPipeline,
                      options.verifyEach)))
    return failure();

  Artifact artifact;
  SmallVector<ArtifactFile, 2> images;
  {
    TimingScope scope = timing.nest("PTX");
    PTXOptions ptxOptions;
    ptxOptions.chip = options.chip;
    for (auto kernels : module.getOps<gpu::GPUModuleOp>()) {
      if (!images.empty())
        return kernels.emitError() << "is a second gpu.module; an artifact has "
                                      "one";
      FailureOr<std::string> ptx = emitPTX(kernels, ptxOptions);
      if (failed(ptx))
        return failure();
      images.push_back({"ptx", "module.ptx", *ptx});
    }
  }
  if (images.empty()) {
    auto functions = module.getOps<func::FuncOp>();
    return emitError(functions.empty() ? module.getLoc()
                                       : (*functions.begin()).getLoc())
           << "the module has nothing to compute on the GPU";
  }
  if (!options.ptxas.empty()) {
    TimingScope scope = timing.nest("ptxas");
    FailureOr<std::string> cubin =
        assemble(module, images.front().contents, options);
    if (failed(cubin))
      return failure();
    images.push_back({"cubin", "module.cubin", *cubin});
  }

  FailureOr<ArtifactFile> constants = buildConstants(module);
  if (failed(constants))
    return failure();

  ManifestOptions manifestOptions;
  manifestOptions.chip = options.chip;
  manifestOptions.images = images;
  if (!reference.contents.empty())
    manifestOptions.reference = &reference;
  manifestOptions.kernelsIR = &kernelsIR;
  if (!constants->contents.empty())
    manifestOptions.constants = &*constants;
  {
    TimingScope scope = timing.nest("Manifest");
    FailureOr<std::string> manifest = buildManifest(module, manifestOptions);
    if (failed(manifest))
      return failure();
    artifact.files.push_back({"", "manifest.json", std::move(*manifest)});
  }
  llvm::append_range(artifact.files, images);
  artifact.files.push_back(std::move(kernelsIR));
  if (!reference.contents.empty())
    artifact.files.push_back(std::move(reference));
  if (!constants->contents.empty())
    artifact.files.push_back(std::move(*constants));
  return artifact;
}
