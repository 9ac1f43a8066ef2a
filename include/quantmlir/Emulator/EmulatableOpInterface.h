//===- EmulatableOpInterface.h - What an instruction does -----------------===//

#ifndef QUANTMLIR_EMULATOR_EMULATABLEOPINTERFACE_H
#define QUANTMLIR_EMULATOR_EMULATABLEOPINTERFACE_H

#include "mlir/IR/DialectRegistry.h"
#include "mlir/IR/OpDefinition.h"
#include "quantmlir/Emulator/Semantics.h"

#include "quantmlir/Emulator/EmulatableOpInterface.h.inc"

namespace quantmlir::emulator {

/// Attaches the meaning of every instruction the emulator knows to its op.
void registerEmulationModels(mlir::DialectRegistry &registry);

} // namespace quantmlir::emulator

#endif // QUANTMLIR_EMULATOR_EMULATABLEOPINTERFACE_H
