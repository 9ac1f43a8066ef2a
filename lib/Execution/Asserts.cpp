//===- Asserts.cpp - Failed checks come back to the caller ----------------===//

#include "Asserts.h"

#include <csetjmp>
#include <cstdlib>

using namespace quantmlir;

namespace {
/// Where a failed check returns to. Between there and the handler are only
/// frames of compiled code, which have nothing to unwind.
struct Guard {
  std::jmp_buf environment;
  int64_t failed = 0;
};
thread_local Guard *current = nullptr;
} // namespace

static void handleFailure(int64_t number) {
  if (!current)
    std::abort(); // Called from outside of callWithAsserts: no one to tell.
  current->failed = number;
  std::longjmp(current->environment, 1);
}

void *quantmlir::getAssertHandlerAddress() {
  return reinterpret_cast<void *>(&handleFailure);
}

/// `memory` if there is any, or if none was asked for.
static void *checkAllocation(void *memory, size_t bytes) {
  if (!memory && bytes)
    handleFailure(kOutOfMemory);
  return memory;
}

void *quantmlir::allocateOrFail(size_t bytes) {
  return checkAllocation(std::malloc(bytes), bytes);
}

void *quantmlir::allocateZerosOrFail(size_t count, size_t bytes) {
  return checkAllocation(std::calloc(count, bytes), count && bytes);
}

std::optional<int64_t> quantmlir::callWithAsserts(void (*function)(void **),
                                                  void **arguments) {
  Guard guard;
  Guard *const previous = current;
  current = &guard;
  if (setjmp(guard.environment) == 0) {
    function(arguments);
    current = previous;
    return std::nullopt;
  }
  current = previous;
  return guard.failed;
}
