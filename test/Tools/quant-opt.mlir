// Help is about passes, not about every target that LLVM has.
// RUN: quant-opt --help | FileCheck %s --implicit-check-not=amdgpu-use --implicit-check-not=aarch64-

// CHECK: OVERVIEW: quant-mlir's optimizer driver
// CHECK-DAG: --canonicalize
// CHECK-DAG: --select-schedule
// CHECK-DAG: --quant-to-ptx
// CHECK-DAG: --mlir-timing
// CHECK-DAG: --mlir-print-ir-after-all

// A stage that has nothing to choose takes no options.
// RUN: not quant-opt %s --quant-kernels=chip=sm_80 2>&1 | FileCheck %s --check-prefix=OPTION
// OPTION: no such option chip
