//===- Inputs.cpp - From files to arguments -------------------------------===//

#include "QuantRun.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringRef.h"

using namespace quantmlir;
using namespace quantmlir::run;

llvm::Error quantmlir::run::makeError(const llvm::Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

llvm::Error quantmlir::run::check(QuantmlirRtStatus status) {
  if (status == QUANTMLIR_RT_SUCCESS)
    return llvm::Error::success();
  return makeError(llvm::Twine(quantmlirRtStatusName(status)) + ": " +
                   quantmlirRtGetLastErrorMessage());
}

llvm::Expected<Inputs> Inputs::read(const Options &options,
                                    const QuantmlirRtArtifact *artifact) {
  Inputs inputs(options);
  std::string error;
  if (const char *path = quantmlirRtArtifactGetConstantsPath(artifact))
    if (!io::readArrays(path, inputs.constants, error))
      return makeError(error);
  for (const std::string &file : options.inputFiles) {
    io::ArrayMap arrays;
    io::Unreadable unreadable;
    if (!io::readArrays(file, arrays, error, /*metadata=*/nullptr, &unreadable))
      return makeError(error);
    for (auto &[name, reason] : unreadable)
      inputs.unreadable.emplace(name,
                                "'" + file + "': '" + name + "': " + reason);
    for (auto &[name, array] : arrays)
      if (!inputs.arrays.emplace(name, std::move(array)).second)
        return makeError("'" + name + "' is given twice, the second time in '" +
                         file + "'");
  }
  for (const std::string &input : options.inputs) {
    auto [name, file] = llvm::StringRef(input).split('=');
    if (name.empty() || file.empty())
      return makeError("--input expects NAME=FILE.npy, got '" + input + "'");
    io::Array array;
    if (!io::readNpy(file.str(), array, error))
      return makeError(error);
    if (!inputs.arrays.emplace(name.str(), std::move(array)).second)
      return makeError("'" + name +
                       "' is given twice, the second time by "
                       "--input");
    inputs.unused.push_back(name.str());
  }
  return inputs;
}

/// The type's width and nothing else: MLIR's i8 is NumPy's int8 and uint8.
static llvm::StringRef dropSign(llvm::StringRef element) {
  return element.starts_with("ui") ? element.drop_front(1) : element;
}

static bool isInteger(llvm::StringRef element) {
  return dropSign(element).starts_with("i");
}

static bool fits(llvm::ArrayRef<int64_t> shape,
                 llvm::ArrayRef<int64_t> pattern) {
  return shape.size() == pattern.size() &&
         llvm::all_of(llvm::zip(shape, pattern), [](auto pair) {
           auto [size, expected] = pair;
           return expected < 0 || size == expected;
         });
}

bool quantmlir::run::areBitsOf(llvm::StringRef given, llvm::StringRef element) {
  return isInteger(given) && io::getElementBytes(std::string_view(given)) ==
                                 io::getElementBytes(std::string_view(element));
}

llvm::Expected<io::Array> Inputs::get(const Argument &argument) {
  std::string expected;
  for (int64_t size : argument.shape)
    expected += (size < 0 ? "?" : std::to_string(size)) + "x";
  expected += argument.element;
  auto find = [&](const io::ArrayMap &map) {
    auto it = map.find(argument.name);
    return it == map.end() ? nullptr : &it->second;
  };
  const io::Array *found = find(arrays);
  auto failed = unreadable.find(argument.name);
  if (!found && failed != unreadable.end())
    return makeError(failed->second);
  if (!found)
    found = find(constants);
  if (!found && options.randomSeed)
    return makeRandomArray(argument, options);
  if (!found)
    return makeError("no array for '" + argument.name + "' (" + expected +
                     "): give --input=" + argument.name +
                     "=FILE.npy or a file with --inputs");
  llvm::erase(unused, argument.name);
  const io::Array &array = *found;
  if (!fits(array.shape, argument.shape))
    return makeError("'" + argument.name + "' is " + io::describe(array) +
                     ", expected " + expected);
  if (array.element == argument.element)
    return array;
  io::Array result;
  std::string error;
  bool sameBits = areBitsOf(array.element, argument.element);
  if (sameBits && (isInteger(argument.element) || options.bits)) {
    if (io::reinterpretElements(array, argument.element, result, error))
      return result;
    return makeError("'" + argument.name + "': " + error);
  }
  if (options.convert) {
    if (io::convertElements(array, argument.element, result, error))
      return result;
    return makeError("'" + argument.name + "': " + error);
  }
  std::string advice = "--convert converts";
  if (sameBits)
    advice = "--bits takes the integers for its bits, --convert for its values";
  return makeError("'" + argument.name + "' is " + io::describe(array) +
                   ", expected " + expected + "; " + advice);
}

llvm::Error Inputs::checkAllUsed() const {
  if (unused.empty())
    return llvm::Error::success();
  return makeError("the function has no argument '" + unused.front() + "'");
}
