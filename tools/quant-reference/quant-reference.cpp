//===- quant-reference.cpp - Runs a module's reference on .npz files ------===//
//
// The smallest driver of the ReferenceExecutor: for tests, and for looking at
// what a function means without compiling it for a GPU.
//
//===----------------------------------------------------------------------===//

#include "../LibraryOptions.h"

#include "quantmlir/Execution/ReferenceExecutor.h"
#include "quantmlir/Runtime/ArrayIO.h"

#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/WithColor.h"
#include "llvm/Support/raw_ostream.h"

using namespace quantmlir;
namespace cl = llvm::cl;

/// Whether a file's array may be read as `expected`: .npz files spell 8-bit
/// floats and bf16 as integers of their width, and MLIR's codes are signless.
static bool isReadableAs(llvm::StringRef element, llvm::StringRef expected) {
  if (element == expected)
    return true;
  bool isInteger = element.starts_with("i") || element.starts_with("ui");
  return isInteger &&
         io::getElementBytes(element.str()) == getElementBytes(expected);
}

/// Runs one call: arguments by name from `inputPath`, results by name to
/// `outputPath`.
static llvm::Error runCall(ReferenceExecutor &executor, llvm::StringRef name,
                           const std::string &inputPath,
                           const std::string &outputPath) {
  const ReferenceExecutor::Function *function = executor.findFunction(name);
  if (!function)
    return llvm::createStringError("the module has no public function @" +
                                   name);
  io::ArrayMap arrays;
  std::string error;
  if (!io::readArrays(inputPath, arrays, error))
    return llvm::createStringError(inputPath + ": " + error);
  std::vector<ArrayView> inputs;
  for (const ReferenceExecutor::Buffer &argument : function->arguments) {
    auto it = arrays.find(argument.name);
    if (it == arrays.end())
      return llvm::createStringError(inputPath + " has no array '" +
                                     argument.name + "'");
    const io::Array &array = it->second;
    if (!isReadableAs(array.element, argument.element))
      return llvm::createStringError(
          inputPath + ": '" + argument.name + "' is " + io::describe(array) +
          ", expected elements of " + argument.element);
    inputs.push_back({array.data.data, array.shape, ""});
  }
  auto results = executor.invoke(name, inputs);
  if (!results)
    return results.takeError();
  io::ArrayMap outputs;
  for (auto [result, array] : llvm::zip_equal(function->results, *results)) {
    io::Array output;
    output.shape = array.shape;
    output.element = array.element;
    // NumPy has no such types: their bits, as integers.
    if (array.element == "bf16")
      output.element = "ui16";
    else if (llvm::StringRef(array.element).starts_with("f8"))
      output.element = "ui8";
    uint8_t *bytes = nullptr;
    output.data = io::Bytes::allocate(array.data.size(), bytes);
    if (!array.data.empty())
      std::memcpy(bytes, array.data.data(), array.data.size());
    outputs.emplace(result.name, std::move(output));
  }
  if (!io::writeArrays(outputPath, outputs, error))
    return llvm::createStringError(outputPath + ": " + error);
  return llvm::Error::success();
}

static llvm::Error run(const std::string &modulePath,
                       llvm::ArrayRef<std::string> calls) {
  if (calls.empty() || calls.size() % 3)
    return llvm::createStringError(
        "expected one or more of: function inputs.npz outputs.npz");
  auto file = llvm::MemoryBuffer::getFileOrSTDIN(modulePath);
  if (!file)
    return llvm::createStringError(modulePath + ": " +
                                   file.getError().message());
  auto executor = ReferenceExecutor::create((*file)->getMemBufferRef());
  if (!executor)
    return executor.takeError();
  for (size_t i = 0; i < calls.size(); i += 3)
    if (llvm::Error error =
            runCall(**executor, calls[i], calls[i + 1], calls[i + 2]))
      return error;
  return llvm::Error::success();
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  setToolVersion();
  hideLibraryOptions();
  cl::opt<std::string> modulePath(cl::Positional, cl::Required,
                                  cl::desc("<module.mlir or .mlirbc>"));
  cl::list<std::string> calls(
      cl::Positional, cl::desc("{<function> <inputs.npz> <outputs.npz>}..."));
  cl::ParseCommandLineOptions(
      argc, argv,
      "Runs functions of a quantized MLIR module on the CPU by their "
      "reference\n"
      "semantics. Arrays are named as the function's arguments and results.\n");
  if (llvm::Error error = run(modulePath, calls)) {
    llvm::logAllUnhandledErrors(std::move(error), llvm::WithColor::error());
    return 1;
  }
  return 0;
}
