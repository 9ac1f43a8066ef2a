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

/// Calls a packed function of the execution engine. Returns the number of the
/// check that failed, if one did; what the function had allocated by then is
/// lost.
std::optional<int64_t> callWithAsserts(void (*function)(void **),
                                       void **arguments);

} // namespace quantmlir

#endif // QUANTMLIR_LIB_EXECUTION_ASSERTS_H
