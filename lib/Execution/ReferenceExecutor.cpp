//===- ReferenceExecutor.cpp - Runs a module on the CPU -------------------===//

#include "quantmlir/Execution/ReferenceExecutor.h"

#include "Asserts.h"
#include "Descriptors.h"
#include "Observers.h"
#include "SoftFloat.h"
#include "quantmlir/Conversion/QuantTensorToLinalg/QuantTensorToLinalg.h"
#include "quantmlir/Dialect/QuantTensor/IR/BufferNames.h"
#include "quantmlir/Dialect/QuantTensor/IR/QuantTensor.h"
#include "quantmlir/Dialect/QuantTensor/Transforms/Passes.h"
#include "quantmlir/Execution/Passes.h"
#include "quantmlir/Import/Passes.h"
#include "quantmlir/Support/ModuleSource.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/ExecutionEngine/ExecutionEngine.h"
#include "mlir/ExecutionEngine/OptUtils.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/ExecutionEngine/Orc/JITTargetMachineBuilder.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"

#include <cstdlib>
#include <cstring>

using namespace mlir;
using namespace quantmlir;

//===----------------------------------------------------------------------===//
// Signatures
//===----------------------------------------------------------------------===//

size_t quantmlir::getElementBytes(StringRef element) {
  return llvm::StringSwitch<size_t>(element)
      .Cases({"f64", "i64", "index"}, 8)
      .Cases({"f32", "i32"}, 4)
      .Cases({"f16", "bf16", "i16"}, 2)
      .Cases({"i1", "i2", "i3", "i4", "i5", "i6", "i7", "i8"}, 1)
      .Cases({"f8E4M3FN", "f8E5M2", "f8E8M0FNU"}, 1)
      .Default(0);
}

static std::string toString(ArrayRef<int64_t> shape) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  stream << '[';
  llvm::interleaveComma(shape, stream, [&](int64_t extent) {
    if (extent < 0)
      stream << '?';
    else
      stream << extent;
  });
  stream << ']';
  return text;
}

/// Describes an argument or result; fails where it is not an array.
static llvm::Expected<ReferenceExecutor::Buffer>
describeBuffer(func::FuncOp function, Type type, std::string name) {
  ReferenceExecutor::Buffer buffer;
  buffer.name = std::move(name);
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (tensor) {
    llvm::raw_string_ostream stream(buffer.element);
    stream << tensor.getElementType();
  }
  if (!tensor || getElementBytes(buffer.element) == 0)
    return llvm::createStringError(
        llvm::formatv("{0} of @{1} has type {2}, which is no array "
                      "that the reference can be called with",
                      buffer.name, function.getName(), type));
  for (int64_t extent : tensor.getShape())
    buffer.shape.push_back(ShapedType::isDynamic(extent) ? -1 : extent);
  return buffer;
}

static llvm::Expected<ReferenceExecutor::Function>
describeFunction(func::FuncOp function) {
  ReferenceExecutor::Function description;
  description.name = function.getName().str();
  for (auto [index, type] : llvm::enumerate(function.getArgumentTypes())) {
    auto buffer = describeBuffer(
        function, type, quant_tensor::getArgumentBufferName(function, index));
    if (!buffer)
      return buffer.takeError();
    buffer->isWeight = static_cast<bool>(function.getArgAttr(
        index, quant_tensor::QuantTensorDialect::getWeightAttrName()));
    description.arguments.push_back(std::move(*buffer));
  }
  for (auto [index, type] : llvm::enumerate(function.getResultTypes())) {
    auto buffer = describeBuffer(
        function, type, quant_tensor::getResultBufferName(function, index));
    if (!buffer)
      return buffer.takeError();
    description.results.push_back(std::move(*buffer));
  }
  return description;
}

//===----------------------------------------------------------------------===//
// Compilation
//===----------------------------------------------------------------------===//

struct ReferenceExecutor::Implementation {
  /// Only where the executor parsed the module itself.
  std::unique_ptr<MLIRContext> context;
  std::vector<Function> functions;
  /// Of the checks in the compiled code, by number.
  std::vector<std::string> messages;
  std::vector<Observation> observations;
  std::unique_ptr<ExecutionEngine> engine;
};

ReferenceExecutor::ReferenceExecutor(
    std::unique_ptr<Implementation> implementation)
    : implementation(std::move(implementation)) {}
ReferenceExecutor::~ReferenceExecutor() = default;

void ReferenceExecutor::registerDialects(DialectRegistry &registry) {
  registerAllDialects(registry);
  registerAllExtensions(registry);
  registerAllToLLVMIRTranslations(registry);
  registry.insert<quant_tensor::QuantTensorDialect>();
}

namespace {
/// Collects what is emitted in a context while it lives.
class DiagnosticCollector {
public:
  explicit DiagnosticCollector(MLIRContext *context)
      : handler(context, [this](Diagnostic &diagnostic) {
          if (diagnostic.getSeverity() != DiagnosticSeverity::Error)
            return success();
          if (!text.empty())
            text += '\n';
          llvm::raw_string_ostream stream(text);
          stream << diagnostic.getLocation() << ": " << diagnostic;
          return success();
        }) {}

  llvm::Error takeError(const Twine &what) {
    return llvm::createStringError(text.empty() ? what.str()
                                                : (what + ":\n" + text).str());
  }

private:
  std::string text;
  ScopedDiagnosticHandler handler;
};
} // namespace

llvm::Expected<std::unique_ptr<ReferenceExecutor>>
ReferenceExecutor::create(ModuleOp module, const Options &options) {
  static bool initialized = [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    return true;
  }();
  (void)initialized;

  MLIRContext *context = module.getContext();
  DiagnosticCollector diagnostics(context);
  OwningOpRef<ModuleOp> lowered(cast<ModuleOp>(module->clone()));

  auto implementation = std::make_unique<Implementation>();
  // Signatures are read after scalars have become tensors, i4 bytes, upstream's
  // quantized tensors their codes, as in an artifact; after encoded tensors
  // have become their parts, before buffers become descriptors.
  PassManager split(context);
  split.addPass(createImportScalarArguments());
  split.addPass(createImportPackedIntegers());
  split.addPass(createConvertQuantToQuantTensor());
  // After scalars, as its number is one; before an observe is the identity.
  if (options.observe)
    split.addPass(createLowerObservers());
  split.addPass(createConvertQuantTensorToLinalg());
  split.addPass(quant_tensor::createQuantTensorLowerEncodings());
  if (failed(split.run(*lowered)))
    return diagnostics.takeError("the reference does not lower");
  implementation->observations = readObservations(*lowered);
  for (auto function : lowered->getOps<func::FuncOp>()) {
    if (function.isPrivate())
      continue;
    if (function.isExternal())
      return llvm::createStringError("@" + function.getName() + " has no body");
    auto description = describeFunction(function);
    if (!description)
      return description.takeError();
    implementation->functions.push_back(std::move(*description));
  }
  PassManager pm(context);
  buildReferencePipeline(pm);
  if (failed(pm.run(*lowered)))
    return diagnostics.takeError("the reference does not lower");

  if (auto messages = (*lowered)->getAttrOfType<ArrayAttr>(kAssertMessagesAttr))
    for (auto message : messages.getAsRange<StringAttr>())
      implementation->messages.push_back(message.str());

  auto targetBuilder = llvm::orc::JITTargetMachineBuilder::detectHost();
  if (!targetBuilder)
    return targetBuilder.takeError();
  auto machine = targetBuilder->createTargetMachine();
  if (!machine)
    return machine.takeError();
  auto optimize = makeOptimizingTransformer(/*optLevel=*/2, /*sizeLevel=*/0,
                                            machine->get());
  ExecutionEngineOptions engineOptions;
  engineOptions.transformer = optimize;
  engineOptions.jitCodeGenOptLevel = llvm::CodeGenOptLevel::Default;
  engineOptions.enableGDBNotificationListener = false;
  engineOptions.enablePerfNotificationListener = false;
  auto engine =
      ExecutionEngine::create(*lowered, engineOptions, std::move(*machine));
  if (!engine)
    return llvm::joinErrors(diagnostics.takeError("the reference does not "
                                                  "compile"),
                            engine.takeError());
  (*engine)->registerSymbols([](llvm::orc::MangleAndInterner interner) {
    llvm::orc::SymbolMap symbols;
    for (auto [name, address] : getSoftFloatSymbols())
      symbols[interner(name)] = {llvm::orc::ExecutorAddr::fromPtr(address),
                                 llvm::JITSymbolFlags::Exported};
    auto define = [&](llvm::StringRef name, void *address) {
      symbols[interner(name)] = {llvm::orc::ExecutorAddr::fromPtr(address),
                                 llvm::JITSymbolFlags::Exported};
    };
    define(kAssertHandler, getAssertHandlerAddress());
    define(kObserverSymbol, getObserverAddress());
    define("malloc", reinterpret_cast<void *>(&allocateOrFail));
    define("calloc", reinterpret_cast<void *>(&allocateZerosOrFail));
    return symbols;
  });
  implementation->engine = std::move(*engine);
  return std::unique_ptr<ReferenceExecutor>(
      new ReferenceExecutor(std::move(implementation)));
}

llvm::Expected<std::unique_ptr<ReferenceExecutor>>
ReferenceExecutor::create(llvm::MemoryBufferRef buffer,
                          const Options &options) {
  DialectRegistry registry;
  registerDialects(registry);
  auto context =
      std::make_unique<MLIRContext>(registry, MLIRContext::Threading::DISABLED);
  OwningOpRef<ModuleOp> module;
  {
    DiagnosticCollector diagnostics(context.get());
    llvm::SourceMgr sources;
    // The lexer of text looks at the zero behind it.
    sources.AddNewSourceBuffer(
        isBytecode(buffer)
            ? llvm::MemoryBuffer::getMemBuffer(buffer,
                                               /*RequiresNullTerminator=*/false)
            : endLastLine(
                  llvm::MemoryBuffer::getMemBufferCopy(buffer.getBuffer())),
        llvm::SMLoc());
    module = parseSourceFile<ModuleOp>(sources, context.get());
    if (!module)
      return diagnostics.takeError("the reference does not parse");
  }
  auto executor = create(*module, options);
  if (!executor)
    return executor.takeError();
  module = nullptr;
  (*executor)->implementation->context = std::move(context);
  return executor;
}

//===----------------------------------------------------------------------===//
// Invocation
//===----------------------------------------------------------------------===//

ArrayRef<ReferenceExecutor::Function> ReferenceExecutor::getFunctions() const {
  return implementation->functions;
}

ArrayRef<ReferenceExecutor::Observation>
ReferenceExecutor::getObservations() const {
  return implementation->observations;
}

const ReferenceExecutor::Function *
ReferenceExecutor::findFunction(StringRef name) const {
  for (const Function &function : implementation->functions)
    if (function.name == name)
      return &function;
  return nullptr;
}

/// Number of elements, or an error where that many bytes do not fit.
static llvm::Expected<int64_t> countElements(ArrayRef<int64_t> shape,
                                             size_t elementBytes) {
  int64_t count = 1;
  for (int64_t extent : shape)
    if (extent < 0 || llvm::MulOverflow(count, extent, count))
      return llvm::createStringError("shape " + toString(shape) +
                                     " is no shape");
  int64_t bytes;
  if (llvm::MulOverflow(count, static_cast<int64_t>(elementBytes), bytes))
    return llvm::createStringError("shape " + toString(shape) +
                                   " is too large");
  return count;
}

static llvm::Error checkInput(const ReferenceExecutor::Buffer &expected,
                              const ArrayView &input) {
  auto fail = [&](const Twine &message) {
    return llvm::createStringError("'" + expected.name + "' " + message);
  };
  if (!input.element.empty() && input.element != expected.element)
    return fail("has elements of " + expected.element + ", got " +
                input.element);
  if (llvm::any_of(input.shape, [](int64_t extent) { return extent < 0; }))
    return fail("has a negative extent");
  bool matches = input.shape.size() == expected.shape.size();
  for (size_t dim = 0; matches && dim < input.shape.size(); ++dim)
    matches = expected.shape[dim] < 0 ? input.shape[dim] >= 0
                                      : input.shape[dim] == expected.shape[dim];
  if (!matches)
    return fail("has shape " + toString(expected.shape) + ", got " +
                toString(input.shape));
  size_t elementBytes = getElementBytes(expected.element);
  auto count = countElements(input.shape, elementBytes);
  if (!count)
    return count.takeError();
  if (*count && !input.data)
    return fail("has no data");
  size_t bytes = *count * elementBytes;
  if (input.numBytes && input.numBytes < bytes)
    return fail("takes " + Twine(bytes) + " bytes, got " +
                Twine(input.numBytes));
  return llvm::Error::success();
}

/// A memref descriptor of `input`.
static std::vector<int64_t> makeDescriptor(const ArrayView &input) {
  size_t rank = input.shape.size();
  std::vector<int64_t> words(getDescriptorWords(rank));
  words[0] = words[1] = reinterpret_cast<int64_t>(input.data);
  int64_t stride = 1;
  for (size_t dim = rank; dim-- > 0;) {
    words[3 + dim] = input.shape[dim];
    words[3 + rank + dim] = stride;
    stride *= input.shape[dim];
  }
  return words;
}

llvm::Expected<std::vector<Array>>
ReferenceExecutor::invoke(StringRef name, ArrayRef<ArrayView> inputs,
                          Observer observer) {
  const Function *function = findFunction(name);
  if (!function)
    return llvm::createStringError("the module has no public function @" +
                                   name);
  if (inputs.size() != function->arguments.size())
    return llvm::createStringError("@" + name + " takes " +
                                   Twine(function->arguments.size()) +
                                   " arrays, got " + Twine(inputs.size()));
  for (auto [expected, input] : llvm::zip_equal(function->arguments, inputs))
    if (llvm::Error error = checkInput(expected, input))
      return std::move(error);

  // The results' descriptors lie one after the other in one struct, whose
  // address is the first argument of the C interface.
  size_t resultWords = 0;
  for (const Buffer &result : function->results)
    resultWords += getDescriptorWords(result.shape.size());
  std::vector<int64_t> results(resultWords);
  std::vector<std::vector<int64_t>> descriptors;
  for (const ArrayView &input : inputs)
    descriptors.push_back(makeDescriptor(input));
  std::vector<void *> pointers;
  if (!function->results.empty())
    pointers.push_back(results.data());
  for (std::vector<int64_t> &descriptor : descriptors)
    pointers.push_back(descriptor.data());
  SmallVector<void *> packed;
  for (void *&pointer : pointers)
    packed.push_back(&pointer);
  auto compiled =
      implementation->engine->lookupPacked(("_mlir_ciface_" + name).str());
  if (!compiled)
    return compiled.takeError();
  ObserverScope scope(observer);
  if (std::optional<int64_t> failed = callWithAsserts(*compiled, packed.data()))
    return llvm::createStringError(
        "@" + name + ": " +
        (*failed == kOutOfMemory
             ? "there is not enough memory"
             : StringRef(implementation->messages[*failed])));

  std::vector<Array> arrays;
  llvm::SmallPtrSet<void *, 4> owned;
  const int64_t *next = results.data();
  for (const Buffer &result : function->results) {
    size_t rank = result.shape.size();
    Array array;
    array.element = result.element;
    array.shape.assign(next + 3, next + 3 + rank);
    size_t elementBytes = getElementBytes(result.element);
    int64_t count = 1;
    for (int64_t extent : array.shape)
      count *= extent;
    array.data.resize(count * elementBytes);
    copyElements(next, array.shape, elementBytes, array.data.data());
    arrays.push_back(std::move(array));
    owned.insert(reinterpret_cast<void *>(next[0]));
    next += getDescriptorWords(rank);
  }
  // Results are the caller's, allocated with malloc by the compiled code.
  for (void *memory : owned)
    std::free(memory);
  return arrays;
}
