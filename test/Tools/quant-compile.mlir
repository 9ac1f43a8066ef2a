// RUN: rm -rf %t && mkdir %t
// RUN: quant-compile %s -o %t/a.qmlir --cubin
// RUN: ls %t/a.qmlir | FileCheck %s --check-prefix=FILES
// RUN: quant-opt %t/a.qmlir/reference.mlirbc | FileCheck %s --check-prefix=REFERENCE
// An artifact is replaced, with nothing left beside it; anything else is not.
// RUN: quant-compile %s -o %t/a.qmlir
// RUN: ls %t | FileCheck %s --check-prefix=ALONE
// RUN: not quant-compile %s -o %t 2>&1 | FileCheck %s --check-prefix=OCCUPIED
// A directory with a manifest of something else is not an artifact either.
// RUN: mkdir %t/site && echo '{"name": "site"}' > %t/site/manifest.json
// RUN: not quant-compile %s -o %t/site 2>&1 | FileCheck %s --check-prefix=OCCUPIED
// RUN: grep site %t/site/manifest.json
// Nor is one that has the word, or the field, somewhere else.
// RUN: echo '{"name": "format", "\"": ["quantmlir-artifact"], "inner": {"format": "quantmlir-artifact"}}' > %t/site/manifest.json
// RUN: not quant-compile %s -o %t/site 2>&1 | FileCheck %s --check-prefix=OCCUPIED
// RUN: echo '["format": "quantmlir-artifact"' > %t/site/manifest.json
// RUN: not quant-compile %s -o %t/site 2>&1 | FileCheck %s --check-prefix=OCCUPIED
// RUN: echo '{"format": "quantmlir-artifact.not"}' > %t/site/manifest.json
// RUN: not quant-compile %s -o %t/site 2>&1 | FileCheck %s --check-prefix=OCCUPIED
// A link stays, and what it leads to is replaced.
// RUN: ln -s a.qmlir %t/link && quant-compile %s -o %t/link && ls -l %t | FileCheck %s --check-prefix=LINK
// RUN: ls %t/a.qmlir | FileCheck %s --check-prefix=PLAIN
// RUN: ln -s nowhere %t/loose && not quant-compile %s -o %t/loose 2>&1 | FileCheck %s --check-prefix=LOOSE
// Options that nothing would come of.
// RUN: not quant-compile %s --tuned-gpu=H200 -o %t/b 2>&1 | FileCheck %s --check-prefix=UNTUNED
// UNTUNED: --tuned-gpu does nothing without --tuned
// RUN: not quant-compile %s --emit=ptx --cubin -o %t/b 2>&1 | FileCheck %s --check-prefix=UNHELD
// UNHELD: --cubin does nothing with this --emit
// RUN: not quant-compile %s 2>&1 | FileCheck %s --check-prefix=WHERE
// RUN: not quant-compile %s -o - 2>&1 | FileCheck %s --check-prefix=WHERE
// RUN: not quant-compile %t/missing.mlir -o %t/b 2>&1 | FileCheck %s --check-prefix=MISSING
// Bytecode is read like text.
// RUN: quant-compile %t/a.qmlir/reference.mlirbc --emit=kernels | FileCheck %s --check-prefix=KERNELS
// What it wrote is read again: schedules may be edited, and so may kernels, of
// which no reference is made.
// RUN: quant-compile %s --emit=ptx -o %t/once.ptx
// RUN: quant-compile %s --emit=schedule | quant-compile - --emit=ptx -o %t/again.ptx && cmp %t/once.ptx %t/again.ptx
// RUN: quant-compile %s --emit=kernels | quant-compile - -o %t/edited.qmlir 2>&1 | FileCheck %s --check-prefix=EDITED
// RUN: cmp %t/once.ptx %t/edited.qmlir/module.ptx
// RUN: not ls %t/edited.qmlir/reference.mlirbc
// RUN: not quant-run %t/edited.qmlir --random=1 --size=5 --device=cpu 2>&1 | FileCheck %s --check-prefix=NO-REFERENCE
// RUN: quant-run %t/edited.qmlir --random=1 --size=5 --device=emulator
// RUN: echo "func.func @f() { return }" | not quant-compile - --emit=ptx 2>&1 | FileCheck %s --check-prefix=NOTHING
// RUN: echo "func.func @f(" | not quant-compile - --emit=ptx 2>&1 | FileCheck %s --check-prefix=SYNTAX
// A chip that no stage knows is an error in all of them.
// RUN: not quant-compile %s --emit=algebra --chip=sm_12 -o %t/no.mlir 2>&1 | FileCheck %s --check-prefix=CHIP
// RUN: not quant-compile %s --emit=ptx --chip=sm_12 2>&1 | FileCheck %s --check-prefix=CHIP
// RUN: not ls %t/no.mlir
// RUN: quant-compile %s -o %t/a.qmlir --mlir-timing 2>&1 | FileCheck %s --check-prefix=TIMING
// Kernels are verified once, or after each pass; both make the same.
// RUN: quant-compile %s --emit=ptx -o %t/once.ptx --mlir-timing 2>&1 | FileCheck %s --check-prefix=ONCE
// RUN: quant-compile %s --emit=ptx -o %t/each.ptx --verify-each --mlir-timing 2>&1 | FileCheck %s --check-prefix=EACH
// RUN: cmp %t/once.ptx %t/each.ptx
// Passes, upstream's among them, are known by name.
// RUN: quant-compile - --emit=ptx -o /dev/null --mlir-print-ir-after=canonicalize,select-schedule < %s 2>&1 | FileCheck %s --check-prefix=AFTER
// RUN: quant-compile %S/../../examples/linear.mlir --emit=ptx -o /dev/null --remarks-filter='.*pull.*' 2>&1 | FileCheck %s --check-prefix=REMARKS
// RUN: not quant-compile %s --emit=ptx --remarks-filter='(' 2>&1 | FileCheck %s --check-prefix=REGEX
// What cannot be written whole is an error, and no file.
// RUN: env TMPDIR=%t/nowhere not quant-compile %s -o %t/c.qmlir --cubin 2>&1 | FileCheck %s --check-prefix=TEMPORARY
// RUN: not ls %t/c.qmlir
// RUN: not quant-compile %s --emit=ptx -o /dev/full 2>&1 | FileCheck %s --check-prefix=FULL

// Help is about this tool, not about every target that LLVM has.
// RUN: quant-compile --help | FileCheck %s --check-prefix=HELP --implicit-check-not=amdgpu

// ONCE: Verifier
// EACH: Execution time report
// EACH-NOT: Verifier

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
// LINK: link -> a.qmlir
// PLAIN-NOT: module.cubin
// PLAIN: module.ptx
// LOOSE: error: cannot follow the link {{.*}}loose: No such file or directory
// AFTER-DAG: IR Dump After Canonicalizer
// AFTER-DAG: IR Dump After SelectSchedule
// REMARKS: linear.mlir:9:8: remark: {{.*}}decodes the right-hand side
// REMARKS-NOT: remark: {{.*}}Schedule
// REGEX: error: --remarks-filter: parentheses not balanced
// TEMPORARY: error: cannot make a temporary file: No such file or directory
// FULL: error: cannot write '/dev/full': No space left on device
// WHERE: error: an artifact is a directory: say where with -o
// MISSING: error: cannot open input file {{.*}}missing.mlir
// KERNELS: gpu.launch_func @kernels::@elementwise_0
// EDITED: <stdin>:{{.*}}: warning: the module has kernels already: its artifact has no reference for the CPU
// NO-REFERENCE: error: the artifact holds no reference, which --device=cpu
// NOTHING: error: {{.*}}has nothing to compute on the GPU
// CHIP: error: unknown chip 'sm_12', expected one of: sm_80, sm_89, sm_90a
// SYNTAX: error: {{.*}}expected
// TIMING: PTX

func.func @double(%x: tensor<?xf32>, %init: tensor<?xf32>) -> tensor<?xf32> {
  %0 = linalg.add ins(%x, %x : tensor<?xf32>, tensor<?xf32>) outs(%init : tensor<?xf32>) -> tensor<?xf32>
  return %0 : tensor<?xf32>
}
