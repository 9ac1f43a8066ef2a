//===- Support.h - What the C API's files have in common --------*- C++ -*-===//

#ifndef QUANTMLIR_LIB_CAPI_SUPPORT_H
#define QUANTMLIR_LIB_CAPI_SUPPORT_H

#include "mlir/CAPI/Support.h"
#include "quantmlir-c/Reference.h"
#include "quantmlir/Execution/ReferenceExecutor.h"
#include "llvm/Support/Error.h"

#include <optional>
#include <vector>

namespace quantmlir::capi {

/// The caller's callback for errors; it may be null.
struct Reporter {
  MlirStringCallback onError;
  void *userData;

  void operator()(llvm::Error error) const {
    std::string message = llvm::toString(std::move(error));
    if (onError)
      onError(wrap(llvm::StringRef(message)), userData);
  }

  /// The value of `result`; nothing once its error was reported.
  template <typename T> std::optional<T> take(llvm::Expected<T> result) const {
    if (result)
      return std::move(*result);
    (*this)(result.takeError());
    return std::nullopt;
  }

  /// Success, or failure once `error` was reported.
  MlirLogicalResult check(llvm::Error error) const {
    if (!error)
      return wrap(mlir::success());
    (*this)(std::move(error));
    return wrap(mlir::failure());
  }
};

/// The caller's arrays as the executor takes them.
inline std::vector<ArrayView> toViews(intptr_t numInputs,
                                      const QuantmlirArray *inputs) {
  std::vector<ArrayView> views;
  for (const QuantmlirArray &input : llvm::ArrayRef(inputs, numInputs)) {
    ArrayView &view = views.emplace_back();
    view.data = input.data;
    view.shape.assign(input.shape, input.shape + input.rank);
    view.element = unwrap(input.element).str();
    view.numBytes = input.numBytes;
  }
  return views;
}

} // namespace quantmlir::capi

#endif // QUANTMLIR_LIB_CAPI_SUPPORT_H
