//===- Asserts.h - Failed checks come back to the caller ------------------===//

#ifndef QUANTMLIR_LIB_EXECUTION_ASSERTS_H
#define QUANTMLIR_LIB_EXECUTION_ASSERTS_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <optional>

namespace quantmlir {

/// What compiled code calls, with the number of the check, where one fails.
inline constexpr llvm::StringLiteral kAssertHandler = "quantmlirCheckFailed";
/// Module attribute: the messages of the checks by number.
inline constexpr llvm::StringLiteral kAssertMessagesAttr =
    "quantmlir.check_messages";

/// Address of the handler. It does not return: it leaves the compiled code for
/// the `callWithAsserts` that entered it on the same thread.
void *getAssertHandlerAddress();

/// What compiled code has for `malloc` and `calloc`: memory that is not to be
/// had leaves it as a failed check does, with the number `kOutOfMemory`.
inline constexpr int64_t kOutOfMemory = -1;
void *allocateOrFail(size_t bytes);
void *allocateZerosOrFail(size_t count, size_t bytes);

/// Calls a packed function of the execution engine. Returns the number of the
/// check that failed, if one did; what the function had allocated by then is
/// lost.
std::optional<int64_t> callWithAsserts(void (*function)(void **),
                                       void **arguments);

} // namespace quantmlir

#endif // QUANTMLIR_LIB_EXECUTION_ASSERTS_H
