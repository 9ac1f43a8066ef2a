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
///   void  stepSymbol(Thread *, i32 site)
///     before backward branches and calls
///   i64   divisorSymbol(Thread *, i32 site, i64 dividend, i64 divisor)
///   i64   localSymbol(Thread *, i32 site, i64 size)
///     at an alloca
///   i64   countLocalsSymbol(Thread *)
///     at a call's start
///   void  endLocalsSymbol(Thread *, i64 count)
///     at its end
///   void  clearLocalSymbol(Thread *, i64 pointer)
///     at lifetime markers
constexpr const char *accessSymbol = "quantmlir_emulator_access";
constexpr const char *rangeSymbol = "quantmlir_emulator_access_range";
constexpr const char *executeSymbol = "quantmlir_emulator_execute";
constexpr const char *stepSymbol = "quantmlir_emulator_step";
constexpr const char *divisorSymbol = "quantmlir_emulator_divisor";
constexpr const char *localSymbol = "quantmlir_emulator_local";
constexpr const char *countLocalsSymbol = "quantmlir_emulator_count_locals";
constexpr const char *endLocalsSymbol = "quantmlir_emulator_end_locals";
constexpr const char *clearLocalSymbol = "quantmlir_emulator_clear_local";

/// Rewrites the functions of `module`, which hold LLVM dialect ops and
/// emulatable instructions, into code for the host: every function takes the
/// running thread first, accesses go through the emulator, instructions become
/// calls, and the addresses of global variables those that `addresses` says:
/// offsets of shared ones, tagged numbers of constants. Adds a site for each;
/// an op that the emulator does not know is an error at its location.
llvm::LogicalResult instrument(mlir::ModuleOp module,
                               const llvm::StringMap<uint64_t> &addresses,
                               std::vector<Site> &sites);

/// Float arithmetic that the host does otherwise (DeviceFloats.h), on bits:
///
///   i32   multiplyAdd*Symbol(i32 a, i32 b, i32 c)
///   i32   atomicAdd*Symbol(host pointer, i32 value)
///     returns what was there
constexpr const char *multiplyAddF16Symbol = "quantmlir_emulator_fma_f16";
constexpr const char *multiplyAddBF16Symbol = "quantmlir_emulator_fma_bf16";
constexpr const char *atomicAddF32Symbol = "quantmlir_emulator_atomic_add_f32";
constexpr const char *atomicAddFlushedF32Symbol =
    "quantmlir_emulator_atomic_add_ftz_f32";
constexpr const char *atomicAddF16x2Symbol =
    "quantmlir_emulator_atomic_add_f16x2";
constexpr const char *atomicAddBF16x2Symbol =
    "quantmlir_emulator_atomic_add_bf16x2";

/// Whether `name` is one of them.
bool isFloatSupport(llvm::StringRef name);
/// Declares them in `module`.
void declareFloatSupport(mlir::ModuleOp module);

/// Tells `add` them, and the conversions of narrow floats that compiled code
/// may call.
void addFloatSupport(llvm::function_ref<void(llvm::StringRef, void *)> add);

} // namespace quantmlir::emulator

#endif // QUANTMLIR_LIB_EMULATOR_INSTRUMENT_H
