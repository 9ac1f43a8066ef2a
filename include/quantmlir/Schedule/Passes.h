//===- Passes.h - Deciding how things are computed ------------------------===//

#ifndef QUANTMLIR_SCHEDULE_PASSES_H
#define QUANTMLIR_SCHEDULE_PASSES_H

#include "mlir/Pass/Pass.h"

namespace quantmlir {

#define GEN_PASS_DECL
#include "quantmlir/Schedule/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "quantmlir/Schedule/Passes.h.inc"

} // namespace quantmlir

#endif // QUANTMLIR_SCHEDULE_PASSES_H
