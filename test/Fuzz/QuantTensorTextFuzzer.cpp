//===- QuantTensorTextFuzzer.cpp - Any bytes as MLIR text -----------------===//

#include "QuantTensorHarness.h"

#include "mlir/Parser/Parser.h"
#include "quantmlir/Support/ModuleSource.h"
#include "llvm/Support/SourceMgr.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static quantmlir::fuzz::Harness harness;
  llvm::StringRef text(reinterpret_cast<const char *>(data), size);
  if (quantmlir::fuzz::crashesUpstream(text))
    return 0;
  // A copy, because MLIR's lexer looks at the zero behind the text; ended as
  // our tools end what they read.
  llvm::SourceMgr sources;
  sources.AddNewSourceBuffer(
      quantmlir::endLastLine(llvm::MemoryBuffer::getMemBufferCopy(text)),
      llvm::SMLoc());
  mlir::ParserConfig config(&harness.getContext());
  if (auto module = mlir::parseSourceFile<mlir::ModuleOp>(sources, config)) {
    harness.roundTrip(*module);
    harness.exercise(*module);
  }
  return 0;
}
