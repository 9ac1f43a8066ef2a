//===- QuantTensorTextFuzzer.cpp - Any bytes as MLIR text -----------------===//

#include "QuantTensorHarness.h"

#include "mlir/Parser/Parser.h"

#include <string>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static quantmlir::fuzz::Harness harness;
  // A copy, because MLIR's lexer looks at the zero behind the text.
  std::string text(reinterpret_cast<const char *>(data), size);
  if (quantmlir::fuzz::crashesUpstream(text))
    return 0;
  mlir::ParserConfig config(&harness.getContext());
  if (auto module = mlir::parseSourceString<mlir::ModuleOp>(text, config)) {
    harness.roundTrip(*module);
    harness.exercise(*module);
  }
  return 0;
}
