//===- Reference.cpp - Run a module on the CPU ----------------------------===//

#include "quantmlir-c/Reference.h"

#include "Support.h"
#include "mlir/CAPI/Wrap.h"
#include "llvm/Support/MemoryBuffer.h"

using quantmlir::ReferenceExecutor;
using quantmlir::capi::Reporter;
using ArrayVector = std::vector<quantmlir::Array>;

DEFINE_C_API_PTR_METHODS(QuantmlirReference, quantmlir::ReferenceExecutor)
DEFINE_C_API_PTR_METHODS(QuantmlirArrays, ArrayVector)

QuantmlirReference quantmlirReferenceCreate(MlirStringRef module,
                                            MlirStringCallback onError,
                                            void *userData) {
  // The parser of text wants a terminating zero, which a MlirStringRef lacks.
  std::unique_ptr<llvm::MemoryBuffer> buffer =
      llvm::MemoryBuffer::getMemBufferCopy(unwrap(module), "module");
  auto executor = Reporter{onError, userData}.take(
      ReferenceExecutor::create(buffer->getMemBufferRef()));
  if (!executor)
    return {nullptr};
  return wrap(executor->release());
}

void quantmlirReferenceDestroy(QuantmlirReference reference) {
  delete unwrap(reference);
}

intptr_t quantmlirReferenceGetNumFunctions(QuantmlirReference reference) {
  return unwrap(reference)->getFunctions().size();
}

static const ReferenceExecutor::Function &
getFunction(QuantmlirReference reference, intptr_t function) {
  return unwrap(reference)->getFunctions()[function];
}

MlirStringRef quantmlirReferenceGetFunctionName(QuantmlirReference reference,
                                                intptr_t function) {
  return wrap(llvm::StringRef(getFunction(reference, function).name));
}

intptr_t quantmlirReferenceGetNumArguments(QuantmlirReference reference,
                                           intptr_t function) {
  return getFunction(reference, function).arguments.size();
}

intptr_t quantmlirReferenceGetNumResults(QuantmlirReference reference,
                                         intptr_t function) {
  return getFunction(reference, function).results.size();
}

static QuantmlirBufferInfo getInfo(const ReferenceExecutor::Buffer &buffer) {
  return {wrap(llvm::StringRef(buffer.name)),
          wrap(llvm::StringRef(buffer.element)),
          static_cast<intptr_t>(buffer.shape.size()), buffer.shape.data(),
          buffer.isWeight};
}

QuantmlirBufferInfo quantmlirReferenceGetArgument(QuantmlirReference reference,
                                                  intptr_t function,
                                                  intptr_t argument) {
  return getInfo(getFunction(reference, function).arguments[argument]);
}

QuantmlirBufferInfo quantmlirReferenceGetResult(QuantmlirReference reference,
                                                intptr_t function,
                                                intptr_t result) {
  return getInfo(getFunction(reference, function).results[result]);
}

QuantmlirArrays
quantmlirReferenceInvoke(QuantmlirReference reference, MlirStringRef function,
                         intptr_t numInputs, const QuantmlirArray *inputs,
                         MlirStringCallback onError, void *userData) {
  std::optional<ArrayVector> results =
      Reporter{onError, userData}.take(unwrap(reference)->invoke(
          unwrap(function), quantmlir::capi::toViews(numInputs, inputs)));
  if (!results)
    return {nullptr};
  return wrap(new ArrayVector(std::move(*results)));
}

intptr_t quantmlirArraysGetSize(QuantmlirArrays arrays) {
  return unwrap(arrays)->size();
}

QuantmlirArray quantmlirArraysGet(QuantmlirArrays arrays, intptr_t index) {
  const quantmlir::Array &array = (*unwrap(arrays))[index];
  return {array.data.data(), array.data.size(),
          static_cast<intptr_t>(array.shape.size()), array.shape.data(),
          wrap(llvm::StringRef(array.element))};
}

void quantmlirArraysDestroy(QuantmlirArrays arrays) { delete unwrap(arrays); }
