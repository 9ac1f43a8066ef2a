//===- Kernel.cpp - A kernel compiled for the emulator --------------------===//

#include "Kernel.h"
#include "DeviceFloats.h"
#include "Instrument.h"
#include "Machine.h"
#include "mlir/ExecutionEngine/ExecutionEngine.h"
#include "mlir/ExecutionEngine/OptUtils.h"
#include "mlir/Interfaces/DataLayoutInterfaces.h"
#include "quantmlir/Emulator/EmulatableOpInterface.h"
#include "llvm/ExecutionEngine/Orc/AbsoluteSymbols.h"
#include "llvm/ExecutionEngine/Orc/Mangling.h"
#include "llvm/IR/DiagnosticHandler.h"
#include "llvm/IR/DiagnosticInfo.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"

using namespace mlir;
using namespace quantmlir::emulator;

Kernel::Kernel(Location location) : location(location) {}
Kernel::~Kernel() = default;

//===----------------------------------------------------------------------===//
// What instrumented code calls
//===----------------------------------------------------------------------===//

static char *access(Thread *thread, uint32_t id, uint64_t pointer) {
  const Site &site = thread->launch().kernel.sites[id];
  thread->site = id;
  if (site.mayPoll)
    thread->poll();
  char *data =
      thread->access(pointer, site.space, site.size, site.alignment, site.kind);
  if (site.synchronizes)
    thread->meetInMemory(site, reinterpret_cast<uint64_t>(data));
  if (site.synchronizes & Site::AtomicWrite)
    thread->watchUpdate(data, site.size);
  return data;
}

static char *accessRange(Thread *thread, uint32_t id, uint64_t pointer,
                         uint64_t size) {
  const Site &site = thread->launch().kernel.sites[id];
  thread->site = id;
  if (!size)
    return nullptr;
  char *data =
      thread->access(pointer, site.space, size, site.alignment, site.kind);
  if (!data)
    thread->giveUp();
  return data;
}

static void step(Thread *thread, uint32_t id) { thread->step(id); }

static int64_t checkDivisor(Thread *thread, uint32_t id, int64_t dividend,
                            int64_t divisor) {
  const Site &site = thread->launch().kernel.sites[id];
  bool overflows =
      site.isSigned && divisor == -1 && dividend == llvm::minIntN(site.size);
  if (divisor && !overflows)
    return divisor;
  thread->site = id;
  thread->report(FindingKind::InvalidOperand,
                 divisor ? "the quotient does not fit its type"
                         : "division by zero");
  return 1;
}

static uint64_t makeLocal(Thread *thread, uint32_t id, uint64_t count) {
  const Site &site = thread->launch().kernel.sites[id];
  thread->site = id;
  uint64_t size;
  if (__builtin_mul_overflow(count, uint64_t(site.size), &size))
    size = ~uint64_t(0);
  return thread->makeLocal(size, site.alignment);
}

static uint64_t countLocals(Thread *thread) { return thread->locals.size(); }

static void endLocals(Thread *thread, uint64_t count) {
  thread->endLocals(count);
}

static void clearLocal(Thread *thread, uint64_t pointer) {
  thread->clearLocal(pointer);
}

static void execute(Thread *thread, uint32_t id, char *operands,
                    char *results) {
  const Site &site = thread->launch().kernel.sites[id];
  thread->site = id;
  if (thread->cluster->profiler)
    thread->cluster->profiler->instruction(thread->indexInCluster, site);
  ValueBytes in(operands, site.operandOffsets);
  ValueBytes out(results, site.resultOffsets);
  if (site.semantics.perThread)
    return site.semantics.perThread(*thread, in, out);
  if (site.semantics.perWarpgroup)
    return thread->cluster->meetWarpgroup(*thread, site, Lane{thread, in, out});
  uint32_t mask = ~uint32_t(0);
  if (site.semantics.maskOperand)
    mask = in.get<uint32_t>(*site.semantics.maskOperand);
  thread->cluster->meet(*thread, site, mask, !site.semantics.maskOperand,
                        Lane{thread, in, out});
}

//===----------------------------------------------------------------------===//
// Compilation
//===----------------------------------------------------------------------===//

namespace {
/// Takes one kernel with what it refers to out of its module.
class Extractor {
public:
  Extractor(gpu::GPUModuleOp from, ModuleOp to) : from(from), to(to) {}

  LogicalResult take(StringRef name) {
    if (to.lookupSymbol(name))
      return success();
    Operation *symbol = SymbolTable::lookupSymbolIn(from, name);
    if (!symbol)
      return failure();
    Operation *copy = symbol->clone();
    to.push_back(copy);
    if (auto function = dyn_cast<LLVM::LLVMFuncOp>(copy))
      makeHostFunction(function);
    WalkResult result = copy->walk([&](Operation *op) {
      StringRef used;
      if (auto call = dyn_cast<LLVM::CallOp>(op))
        used = call.getCallee().value_or("");
      else if (auto address = dyn_cast<LLVM::AddressOfOp>(op))
        used = address.getGlobalName();
      if (!used.empty() && failed(take(used)))
        return WalkResult(op->emitOpError("refers to unknown '")
                          << used << "'");
      return WalkResult::advance();
    });
    return failure(result.wasInterrupted());
  }

private:
  /// Drops what only the device's calling convention and PTX care for.
  static void makeHostFunction(LLVM::LLVMFuncOp function) {
    function.setCConv(LLVM::CConv::C);
    function.removeArgAttrsAttr();
    function.removeResAttrsAttr();
    function.removePassthroughAttr();
    function.removeTargetCpuAttr();
    function.removeTargetFeaturesAttr();
    function.setLinkage(LLVM::Linkage::External);
    for (NamedAttribute attribute :
         llvm::to_vector(function->getDiscardableAttrs()))
      function->removeDiscardableAttr(attribute.getName());
  }

  gpu::GPUModuleOp from;
  ModuleOp to;
};

constexpr unsigned sharedSpace = 3;
/// Bytes between shared variables that belong to none of them.
constexpr uint32_t sharedGap = 64;
/// What dynamic shared memory is aligned to on every chip we know.
constexpr uint32_t dynamicAlignment = 1024;
} // namespace

/// Gives each shared variable of `module` its offset and removes it.
static llvm::Expected<llvm::StringMap<uint64_t>> layOutShared(ModuleOp module,
                                                              Kernel &kernel) {
  llvm::StringMap<uint64_t> offsets;
  DataLayout layout(module);
  uint64_t end = 0;
  std::vector<LLVM::GlobalOp> dynamic;
  for (auto global :
       llvm::make_early_inc_range(module.getOps<LLVM::GlobalOp>())) {
    if (global.getAddrSpace() != sharedSpace)
      continue;
    Type type = global.getGlobalType();
    uint64_t size = layout.getTypeSize(type).getFixedValue();
    // Whether what is less fits is told at a launch.
    constexpr uint64_t most = 1 << 20;
    if (size > most || end > most)
      return llvm::createStringError("shared variable '" + global.getSymName() +
                                     "' has " + llvm::Twine(size) +
                                     " bytes: no block has so many");
    if (size == 0) {
      dynamic.push_back(global);
      continue;
    }
    uint32_t alignment = global.getAlignment().value_or(
        std::max<uint64_t>(16, layout.getTypeABIAlignment(type)));
    uint64_t offset = llvm::alignTo(end, alignment);
    kernel.shared.push_back(
        {global.getSymName().str(), uint32_t(offset), uint32_t(size)});
    offsets[global.getSymName()] = offset;
    end = offset + size + sharedGap;
    global.erase();
  }
  kernel.dynamicOffset = end ? llvm::alignTo(end, dynamicAlignment) : 0;
  for (LLVM::GlobalOp global : dynamic) {
    offsets[global.getSymName()] = kernel.dynamicOffset;
    global.erase();
  }
  return offsets;
}

/// Cuts long blocks of `module` in pieces. Unrolled loops make blocks of many
/// thousand ops, and LLVM takes a time to select instructions that grows with
/// the square of a block's length.
static void splitLongBlocks(ModuleOp module) {
  constexpr unsigned length = 200;
  for (auto function : module.getOps<LLVM::LLVMFuncOp>()) {
    SmallVector<mlir::Block *> blocks;
    for (mlir::Block &block : function.getBody())
      blocks.push_back(&block);
    for (mlir::Block *block : blocks) {
      SmallVector<Operation *> cuts;
      for (auto [index, op] : llvm::enumerate(*block))
        if (index && index % length == 0)
          cuts.push_back(&op);
      for (Operation *cut : cuts) {
        mlir::Block *rest = block->splitBlock(cut);
        auto builder = OpBuilder::atBlockEnd(block);
        LLVM::BrOp::create(builder, cut->getLoc(), rest);
        block = rest;
      }
    }
  }
}

/// Has LLVM tell `frames` how many bytes of stack each function of `module`
/// takes, once it is compiled.
static void recordFrames(llvm::Module &module,
                         llvm::StringMap<uint64_t> &frames) {
  class Recorder : public llvm::DiagnosticHandler {
  public:
    explicit Recorder(llvm::StringMap<uint64_t> &frames) : frames(frames) {}
    bool handleDiagnostics(const llvm::DiagnosticInfo &info) override {
      auto *stack = dyn_cast<llvm::DiagnosticInfoStackSize>(&info);
      if (stack)
        frames[stack->getFunction().getName()] = stack->getStackSize();
      return stack;
    }

  private:
    llvm::StringMap<uint64_t> &frames;
  };
  module.getContext().setDiagnosticHandler(std::make_unique<Recorder>(frames));
  for (llvm::Function &function : module)
    function.addFnAttr("warn-stack-size", "0");
}

static llvm::orc::SymbolMap makeSymbols(llvm::orc::MangleAndInterner intern) {
  llvm::orc::SymbolMap map;
  auto add = [&](StringRef name, void *address) {
    map[intern(name)] = {llvm::orc::ExecutorAddr::fromPtr(address),
                         llvm::JITSymbolFlags::Exported |
                             llvm::JITSymbolFlags::Callable};
  };
  add(accessSymbol, reinterpret_cast<void *>(&access));
  add(rangeSymbol, reinterpret_cast<void *>(&accessRange));
  add(executeSymbol, reinterpret_cast<void *>(&execute));
  add(stepSymbol, reinterpret_cast<void *>(&step));
  add(divisorSymbol, reinterpret_cast<void *>(&checkDivisor));
  add(localSymbol, reinterpret_cast<void *>(&makeLocal));
  add(countLocalsSymbol, reinterpret_cast<void *>(&countLocals));
  add(endLocalsSymbol, reinterpret_cast<void *>(&endLocals));
  add(clearLocalSymbol, reinterpret_cast<void *>(&clearLocal));
  addFloatSupport(add);
  return map;
}

llvm::FailureOr<std::vector<Parameter>>
Kernel::getParameters(LLVM::LLVMFuncOp function) {
  DataLayout layout;
  std::vector<Parameter> parameters;
  for (auto [index, type] : llvm::enumerate(function.getArgumentTypes())) {
    auto byValue = function.getArgAttrOfType<TypeAttr>(
        index, LLVM::LLVMDialect::getByValAttrName());
    if (isa<LLVM::LLVMPointerType>(type) && byValue)
      parameters.push_back(
          {uint32_t(layout.getTypeSize(byValue.getValue())), true});
    else if (isa<LLVM::LLVMPointerType>(type))
      parameters.push_back({sizeof(uint64_t), false});
    else if (type.isIntOrFloat())
      parameters.push_back(
          {uint32_t(llvm::divideCeil(type.getIntOrFloatBitWidth(), 8)), false});
    else
      return failure();
  }
  return parameters;
}

llvm::Expected<std::unique_ptr<Kernel>>
Kernel::compile(gpu::GPUModuleOp from, StringRef name, size_t stackSize) {
  auto fail = [&](const llvm::Twine &why) {
    return llvm::createStringError("kernel '" + name + "': " + why);
  };
  auto function = from.lookupSymbol<LLVM::LLVMFuncOp>(name);
  if (!function || function.isExternal())
    return fail("there is no such function in LLVM dialect in gpu.module '" +
                from.getName() + "'");
  OwningOpRef<ModuleOp> module = ModuleOp::create(function.getLoc());
  if (failed(Extractor(from, *module).take(name)))
    return fail("it refers to what the module does not have");

  std::unique_ptr<Kernel> kernel(new Kernel(function.getLoc()));
  kernel->name = name.str();
  auto parameters = getParameters(function);
  if (failed(parameters))
    return fail("it has a parameter that is neither number nor pointer");
  kernel->parameters = std::move(*parameters);
  auto laidOut = layOutShared(*module, *kernel);
  if (!laidOut)
    return fail(llvm::toString(laidOut.takeError()));
  llvm::StringMap<uint64_t> addresses = std::move(*laidOut);
  DataLayout layout(*module);
  for (auto global : module->getOps<LLVM::GlobalOp>()) {
    // A loaded one of a type that the JIT aligns less than the kernel asks for
    // would look misaligned.
    uint64_t alignment = global.getAlignment().value_or(0);
    global.setAlignment(std::max<uint64_t>(alignment, 16));
    global.setLinkage(LLVM::Linkage::External);
    kernel->constants.push_back(
        {global.getSymName().str(),
         layout.getTypeSize(global.getGlobalType()).getFixedValue(), nullptr});
    addresses[global.getSymName()] =
        address::constantTag | uint64_t(kernel->constants.size())
                                   << address::variableShift;
  }
  matchDeviceFloats(*module);
  if (failed(instrument(*module, addresses, kernel->sites)))
    return fail("it has instructions that the emulator does not know");
  splitLongBlocks(*module);
  kernel->blocksMayMeet = llvm::any_of(kernel->sites, [](const Site &site) {
    return site.synchronizes && site.space != Space::Shared &&
           site.space != Space::Cluster;
  });

  static const bool initialized = [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    return true;
  }();
  (void)initialized;
  ExecutionEngineOptions options;
  // A kernel runs a few times on small data: quick code is worth less than
  // quick compilation.
  options.jitCodeGenOptLevel = llvm::CodeGenOptLevel::None;
  options.enableGDBNotificationListener = false;
  options.enablePerfNotificationListener = false;
  llvm::StringMap<uint64_t> frames;
  auto transformer = [&](llvm::Module *compiled) {
    recordFrames(*compiled, frames);
    return llvm::Error::success();
  };
  options.transformer = transformer;
  auto machine = createTargetMachine();
  if (!machine)
    return machine.takeError();
  auto engine = ExecutionEngine::create(*module, options, std::move(*machine));
  if (!engine)
    return engine.takeError();
  kernel->engine = std::move(*engine);
  kernel->engine->registerSymbols(makeSymbols);
  auto entry = kernel->engine->lookupPacked(name);
  if (!entry)
    return entry.takeError();
  kernel->entry = *entry;
  // Code with many values alive at once has frames of any size.
  uint64_t room = stackSize - std::min(stackSize, Thread::stackReserve);
  bool fits = true;
  for (auto function : module->getOps<LLVM::LLVMFuncOp>()) {
    uint64_t frame = frames.lookup(function.getName());
    if (frame + Thread::stackReserve <= stackSize)
      continue;
    // Not as an error of the op, which would be printed with it.
    emitError(function.getLoc())
        << "function '" << function.getName() << "' takes " << frame
        << " bytes of the host's stack; a thread has " << room << " for it";
    fits = false;
  }
  if (!fits)
    return fail("it does not fit the stack of an emulated thread");
  for (Site &site : kernel->sites)
    if (site.callee)
      site.size = frames.lookup(site.callee);
  for (Constant &constant : kernel->constants) {
    auto address = kernel->engine->lookup(constant.name);
    if (!address)
      return address.takeError();
    constant.data = static_cast<const char *>(*address);
  }
  return kernel;
}
