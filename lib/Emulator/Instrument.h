//===- Instrument.h - Kernel code that calls the emulator -----------------===//

#ifndef QUANTMLIR_LIB_EMULATOR_INSTRUMENT_H
#define QUANTMLIR_LIB_EMULATOR_INSTRUMENT_H

#include "Site.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringMap.h"

namespace quantmlir::emulator {

/// Symbols that instrumented code calls.
///
///   void *accessSymbol(Thread *, i32 site, i64 pointer)
///   void *rangeSymbol(Thread *, i32 site, i64 pointer, i64 size)
///   void  executeSymbol(Thread *, i32 site, void *operands, void *results)
constexpr const char *accessSymbol = "quantmlir_emulator_access";
constexpr const char *rangeSymbol = "quantmlir_emulator_access_range";
constexpr const char *executeSymbol = "quantmlir_emulator_execute";

/// Rewrites the functions of `module`, which hold LLVM dialect ops and
/// emulatable instructions, into code for the host: every function takes the
/// running thread first, accesses of anything but local variables go through
/// the emulator, instructions become calls, and shared variables the offsets
/// that `sharedOffsets` says. Adds a site for each; an op that the emulator
/// does not know is an error at its location.
llvm::LogicalResult instrument(mlir::ModuleOp module,
                               const llvm::StringMap<uint32_t> &sharedOffsets,
                               std::vector<Site> &sites);

/// Tells `add` the conversions of narrow floats that compiled code may call.
void addFloatSupport(llvm::function_ref<void(llvm::StringRef, void *)> add);

} // namespace quantmlir::emulator

#endif // QUANTMLIR_LIB_EMULATOR_INSTRUMENT_H
