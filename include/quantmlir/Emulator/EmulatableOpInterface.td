//===- EmulatableOpInterface.td - What an instruction does ----*- tablegen -*-===//

#ifndef QUANTMLIR_EMULATOR_EMULATABLEOPINTERFACE_TD
#define QUANTMLIR_EMULATOR_EMULATABLEOPINTERFACE_TD

include "mlir/IR/OpBase.td"

def EmulatableOpInterface : OpInterface<"EmulatableOpInterface"> {
  let cppNamespace = "::quantmlir::emulator";
  let description = [{
    An instruction that a GPU thread or warp executes and whose meaning the
    emulator knows. The op is the one definition of the instruction: its device
    lowering prints it, `getSemantics` says what it does. Upstream's NVVM ops get
    the interface by external models (`registerEmulationModels`), ours likewise.
    An op of a kernel that is neither plain LLVM dialect nor emulatable is refused
    by name before anything runs.
  }];
  let methods = [
    InterfaceMethod<[{
        Returns what this op does to its operands, or failure after having
        emitted an error at the op when this form of it (a shape, a type, a
        modifier) is not known.
      }],
      "::llvm::FailureOr<::quantmlir::emulator::Semantics>", "getSemantics">
  ];
}

#endif // QUANTMLIR_EMULATOR_EMULATABLEOPINTERFACE_TD
