//===- EmitPTX.cpp - Kernels to PTX text ----------------------------------===//

#include "quantmlir/Target/PTX/EmitPTX.h"

#include "SplitModule.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Threading.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/GPU/GPUToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "quantmlir/Conversion/QuantTileToNVVM/QuantTileToNVVM.h"
#include "quantmlir/Schedule/Chips.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include <mutex>

using namespace mlir;
using namespace quantmlir;

static constexpr llvm::StringLiteral kTriple = "nvptx64-nvidia-cuda";

/// The backend's target, initialized once per process.
static const llvm::Target *getTarget(std::string &error) {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
  });
  return llvm::TargetRegistry::lookupTarget(llvm::Triple(kTriple), error);
}

/// LLVM's default pipeline at `level`.
static void optimize(llvm::Module &module, llvm::TargetMachine &machine,
                     int level) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager callGraphs;
  llvm::ModuleAnalysisManager modules;
  llvm::PipelineTuningOptions tuning;
  llvm::PassBuilder builder(&machine, tuning);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(callGraphs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, callGraphs, modules);
  static const llvm::OptimizationLevel levels[] = {
      llvm::OptimizationLevel::O0, llvm::OptimizationLevel::O1,
      llvm::OptimizationLevel::O2, llvm::OptimizationLevel::O3};
  llvm::ModulePassManager passes =
      level == 0 ? builder.buildO0DefaultPipeline(levels[0])
                 : builder.buildPerModuleDefaultPipeline(levels[level]);
  passes.run(module, modules);
}

static std::unique_ptr<llvm::TargetMachine>
createMachine(const llvm::Target &target, const schedule::Chip &chip,
              const PTXOptions &options) {
  return std::unique_ptr<llvm::TargetMachine>(target.createTargetMachine(
      llvm::Triple(kTriple), chip.name, chip.ptxFeature, llvm::TargetOptions(),
      std::nullopt, std::nullopt,
      static_cast<llvm::CodeGenOptLevel>(options.optLevel)));
}

/// The PTX of `module`; empty if the backend writes no text.
static std::string compile(llvm::Module &module, llvm::TargetMachine &machine,
                           int level) {
  optimize(module, machine, level);
  llvm::SmallString<0> text;
  llvm::raw_svector_ostream stream(text);
  llvm::legacy::PassManager codegen;
  if (machine.addPassesToEmitFile(codegen, stream, nullptr,
                                  llvm::CodeGenFileType::AssemblyFile))
    return {};
  codegen.run(module);
  return text.str().str();
}

/// Functions that `module` calls but does not define. Intrinsics that the
/// backend turns into library calls show up in its output only, hence the text.
static LogicalResult checkSelfContained(gpu::GPUModuleOp module,
                                        StringRef ptx) {
  size_t at = ptx.find(".extern .func");
  if (at == StringRef::npos)
    return success();
  StringRef declaration = ptx.substr(at).split(';').first;
  StringRef name = declaration.rtrim(" \t\n()").rsplit('\n').second;
  // ".extern .func  (.param .b32 func_retval0) name\n(\n..." : the name is the
  // last word before the parameter list.
  StringRef head = declaration.substr(0, declaration.rfind('('));
  if (!head.trim().empty())
    name = head.trim().rsplit(' ').second;
  // Where it is called, unless the backend made the call of something else.
  Location loc = module.getLoc();
  module.walk([&](LLVM::CallOp call) {
    if (call.getCallee() != name.trim())
      return WalkResult::advance();
    loc = call.getLoc();
    return WalkResult::interrupt();
  });
  return emitError(loc) << "calls function '" << name.trim()
                        << "', which is not defined; the PTX would not load";
}

/// Bits of the float that a PTX instruction with this name leaves in its
/// register; 0 where that is none of f32 and f64.
static unsigned getFloatBits(StringRef name) {
  SmallVector<StringRef> parts;
  name.split(parts, '.');
  StringRef operation = parts.front();
  if (operation == "st" || operation == "setp")
    return 0;
  // A conversion says what it makes before what it makes it of.
  StringRef type = operation == "cvt" && parts.size() >= 3
                       ? parts[parts.size() - 2]
                       : parts.back();
  return llvm::StringSwitch<unsigned>(type)
      .Case("f32", 32)
      .Case("f64", 64)
      .Default(0);
}

/// ptxas (13.0) takes a store of a part of a register that an operation of f32
/// or f64 wrote for a conversion to an integer. LLVM writes such stores where
/// only the low bits of a float are wanted, so they must not reach it.
static LogicalResult checkPartStores(gpu::GPUModuleOp module, StringRef ptx) {
  llvm::StringMap<unsigned> floats;
  while (!ptx.empty()) {
    StringRef line;
    std::tie(line, ptx) = ptx.split('\n');
    line = line.trim();
    if (line.starts_with(".visible"))
      floats.clear();
    auto [name, operands] = line.split(' ');
    if (name.starts_with("@"))
      std::tie(name, operands) = operands.ltrim().split(' ');
    name = name.trim();
    StringRef source = operands.rsplit(' ').second.trim(" ;\t");
    unsigned stored = 64, width = floats.lookup(source);
    if (name.starts_with("st.") &&
        !name.rsplit('.').second.drop_front().getAsInteger(10, stored) &&
        stored < width)
      return module.emitError()
             << "stores part of a float's register, which ptxas would "
                "convert: "
             << line;
    StringRef target = operands.ltrim().split(',').first;
    if (!target.starts_with("%r"))
      continue;
    if (unsigned bits = getFloatBits(name))
      floats[target] = bits;
    else if (width && (name == "mov.b32" || name == "mov.b64"))
      floats[target] = width;
  }
  return success();
}

FailureOr<std::string> quantmlir::emitPTX(gpu::GPUModuleOp module,
                                          const PTXOptions &options) {
  const schedule::Chip *chip =
      schedule::lookupChip(options.chip, [&] { return module.emitError(); });
  if (!chip)
    return failure();
  if (options.optLevel < 0 || options.optLevel > 3)
    return module.emitError()
           << "optimization level " << options.optLevel << " is not in [0, 3]";

  std::string message;
  const llvm::Target *target = getTarget(message);
  if (!target)
    return module.emitError() << "no NVPTX backend: " << message;

  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> llvmModule =
      translateModuleToLLVMIR(module, context, module.getName());
  if (!llvmModule)
    return module.emitError() << "cannot be translated to LLVM IR";
  std::unique_ptr<llvm::TargetMachine> machine =
      createMachine(*target, *chip, options);
  llvmModule->setTargetTriple(llvm::Triple(kTriple));
  llvmModule->setDataLayout(machine->createDataLayout());

  std::vector<SmallVector<char, 0>> parts = splitModule(*llvmModule);
  std::vector<std::string> texts(std::max<size_t>(parts.size(), 1));
  if (parts.size() < 2) {
    texts.front() = compile(*llvmModule, *machine, options.optLevel);
  } else {
    parallelFor(module.getContext(), 0, parts.size(), [&](size_t index) {
      llvm::LLVMContext own;
      std::unique_ptr<llvm::Module> part = llvm::cantFail(
          llvm::parseBitcodeFile({toStringRef(parts[index]), "kernel"}, own));
      texts[index] = compile(*part, *createMachine(*target, *chip, options),
                             options.optLevel);
    });
  }
  // A part without text would be a kernel less, which nobody would miss here.
  if (llvm::any_of(texts, [](StringRef text) { return text.empty(); }))
    return module.emitError() << "the NVPTX backend cannot emit text";
  std::string text = joinPTX(texts);
  if (failed(checkSelfContained(module, text)) ||
      failed(checkPartStores(module, text)))
    return failure();
  return text;
}

void quantmlir::registerPTXTranslations(DialectRegistry &registry) {
  registerBuiltinDialectTranslation(registry);
  registerGPUDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  registerNVVMDialectTranslation(registry);
  registerQuantTileTranslation(registry);
}
