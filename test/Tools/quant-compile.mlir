// RUN: rm -rf %t && mkdir %t
// RUN: quant-compile %s -o %t/a.qmlir --cubin
// RUN: ls %t/a.qmlir | FileCheck %s --check-prefix=FILES
// RUN: quant-opt %t/a.qmlir/reference.mlirbc | FileCheck %s --check-prefix=REFERENCE
// An artifact is replaced, with nothing left beside it; anything else is not.
// RUN: quant-compile %s -o %t/a.qmlir
// RUN: ls %t | FileCheck %s --check-prefix=ALONE
// RUN: not quant-compile %s -o %t 2>&1 | FileCheck %s --check-prefix=OCCUPIED
// RUN: not quant-compile %s 2>&1 | FileCheck %s --check-prefix=WHERE
// RUN: not quant-compile %t/missing.mlir -o %t/b 2>&1 | FileCheck %s --check-prefix=MISSING
// Bytecode is read like text.
// RUN: quant-compile %t/a.qmlir/reference.mlirbc --emit=kernels | FileCheck %s --check-prefix=KERNELS
// RUN: echo "func.func @f() { return }" | not quant-compile - --emit=ptx 2>&1 | FileCheck %s --check-prefix=NOTHING
// RUN: echo "func.func @f(" | not quant-compile - --emit=ptx 2>&1 | FileCheck %s --check-prefix=SYNTAX
// A chip that no stage knows is an error in all of them.
// RUN: not quant-compile %s --emit=algebra --chip=sm_12 -o %t/no.mlir 2>&1 | FileCheck %s --check-prefix=CHIP
// RUN: not quant-compile %s --emit=ptx --chip=sm_12 2>&1 | FileCheck %s --check-prefix=CHIP
// RUN: not ls %t/no.mlir
// RUN: quant-compile %s -o %t/a.qmlir --mlir-timing 2>&1 | FileCheck %s --check-prefix=TIMING

// Help is about this tool, not about every target that LLVM has.
// RUN: quant-compile --help | FileCheck %s --check-prefix=HELP --implicit-check-not=amdgpu

// HELP: --mlir-timing
// HELP: --chip=<string>
// FILES: manifest.json
// FILES-NEXT: module.cubin
// FILES-NEXT: module.ptx
// FILES-NEXT: reference.mlirbc
// ALONE: a.qmlir
// ALONE-NOT: {{.}}
// REFERENCE: linalg.add
// OCCUPIED: error: {{.*}} exists and is not an artifact
// WHERE: error: an artifact is a directory: say where with -o
// MISSING: error: cannot open input file {{.*}}missing.mlir
// KERNELS: gpu.launch_func @kernels::@elementwise_0
// NOTHING: error: {{.*}}has nothing to compute on the GPU
// CHIP: error: unknown chip 'sm_12', expected one of: sm_80, sm_89, sm_90a
// SYNTAX: error: {{.*}}expected
// TIMING: PTX

func.func @double(%x: tensor<?xf32>, %init: tensor<?xf32>) -> tensor<?xf32> {
  %0 = linalg.add ins(%x, %x : tensor<?xf32>, tensor<?xf32>) outs(%init : tensor<?xf32>) -> tensor<?xf32>
  return %0 : tensor<?xf32>
}
