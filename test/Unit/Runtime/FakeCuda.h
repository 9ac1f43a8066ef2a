//===- FakeCuda.h - A CUDA driver that only takes notes ---------*- C++ -*-===//
//
// A shared library with the driver's functions. It runs nothing; it records
// each call as a line of text, device memory is host memory, and any function
// can be made to fail. The runtime opens it through QUANTMLIR_LIBCUDA.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_TEST_UNIT_RUNTIME_FAKECUDA_H
#define QUANTMLIR_TEST_UNIT_RUNTIME_FAKECUDA_H

extern "C" {
/// Forgets calls, failures and settings: one H100-like device remains.
void fakeCudaReset();
/// The calls since the reset or the last fakeCudaTakeLog, a line each. The text
/// lives until the next call of this function.
const char *fakeCudaTakeLog();
/// Lets `function` fail with `code` from now on (0: succeed again).
void fakeCudaFail(const char *function, int code);
/// What the JIT writes into the error log when cuModuleLoadDataEx fails.
void fakeCudaSetJITLog(const char *text);
void fakeCudaSetDevice(int major, int minor, int sharedMemory);
}

#endif // QUANTMLIR_TEST_UNIT_RUNTIME_FAKECUDA_H
