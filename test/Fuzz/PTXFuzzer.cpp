//===- PTXFuzzer.cpp - Any bytes as PTX -----------------------------------===//

#include "PTXEntries.h"

using namespace quantmlir::runtime;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  PTXModule module;
  std::string_view text(reinterpret_cast<const char *>(data), size);
  (void)scanPTX(text, module).ok();
  return 0;
}
