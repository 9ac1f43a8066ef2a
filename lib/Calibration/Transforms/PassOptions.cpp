//===- PassOptions.cpp - What options of passes say -----------------------===//

#include "PassOptions.h"
#include "quantmlir/Calibration/Layers.h"

using namespace mlir;
using namespace quantmlir::calibration;

FailureOr<std::vector<SchemeOverride>>
quantmlir::calibration::readOverrides(ModuleOp module, StringRef text,
                                      StringRef method) {
  auto overrides = takeOption(module, parseOverrides(text, method));
  if (failed(overrides) || overrides->empty())
    return overrides;
  std::vector<Layer> layers = findLayers(module, /*pass=*/"");
  for (const SchemeOverride &entry : *overrides)
    if (llvm::none_of(layers, [&](const Layer &layer) {
          return entry.matches(layer.name);
        }))
      emitWarning(module.getLoc())
          << "no layer is called like the override '" << entry.pattern << "'";
  return overrides;
}
