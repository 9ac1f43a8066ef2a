// RUN: rm -rf %t && mkdir %t
// RUN: quant-tune %s --list > %t/list
// RUN: FileCheck %s --check-prefix=LIST < %t/list
// What is listed can be given back: its comments are MLIR's.
// RUN: grep -m 3 mma_sync %t/list > %t/three
// RUN: quant-tune %s --schedules=%t/three -o %t/b.qtune --rows=1,33 -j 2 | FileCheck %s --check-prefix=THREE
// RUN: ls %t | FileCheck %s --check-prefix=ALONE
// RUN: ls %t/b.qtune %t/b.qtune/0 %t/b.qtune/0/2 | FileCheck %s --check-prefix=FILES
// RUN: FileCheck %s --check-prefix=INDEX < %t/b.qtune/tuning.json
// A bundle replaces a bundle and nothing else.
// RUN: quant-tune %s --limit=1 --rows=17 --cubin -o %t/b.qtune | FileCheck %s --check-prefix=ONE
// RUN: ls %t/b.qtune/0/0 %t/b.qtune/0 | FileCheck %s --check-prefix=CUBIN
// RUN: not quant-tune %s --limit=1 --rows=17 -o %t 2>&1 | FileCheck %s --check-prefix=OCCUPIED
// RUN: not quant-tune %s --limit=1 --rows=17 -o %t/none/b.qtune 2>&1 | FileCheck %s --check-prefix=NOWHERE
// RUN: not quant-tune %s 2>&1 | FileCheck %s --check-prefix=WHERE
// RUN: not quant-tune %s --list --rows=8,8 2>&1 | FileCheck %s --check-prefix=ASCEND
// RUN: not quant-tune %s --list --rows=0 2>&1 | FileCheck %s --check-prefix=ASCEND
// RUN: not quant-tune %s --list --chip=sm_70 2>&1 | FileCheck %s --check-prefix=CHIP
// RUN: not quant-tune %s --schedules=%t/missing --list 2>&1 | FileCheck %s --check-prefix=MISSING
// RUN: echo "// nothing" > %t/nothing
// RUN: not quant-tune %s --schedules=%t/nothing --list 2>&1 | FileCheck %s --check-prefix=EMPTY
// RUN: echo "#quant_tile.schedule<mma_sync, chip = \"sm_90a\">" > %t/bad
// RUN: not quant-tune %s --schedules=%t/bad --list 2>&1 | FileCheck %s --check-prefix=BAD
// RUN: echo "// one" > %t/illegal
// RUN: echo "#quant_tile.schedule<mma_sync, chip = \"sm_90a\", tile = [8, 16, 64], warps = [1, 1, 1], stages = 2>" >> %t/illegal
// RUN: not quant-tune %s --schedules=%t/illegal --list 2>&1 | FileCheck %s --check-prefix=ILLEGAL
// RUN: cat %t/bad %t/illegal %t/three > %t/mixed
// RUN: quant-tune %s --schedules=%t/mixed --list --skip-illegal 2>&1 | FileCheck %s --check-prefix=SKIP
// RUN: echo "func.func @f() { return }" | not quant-tune - --list 2>&1 | FileCheck %s --check-prefix=NOTHING
// RUN: echo "func.func @f(" | not quant-tune - --list 2>&1 | FileCheck %s --check-prefix=SYNTAX

// LIST: // loc({{.*}}quant-tune.mlir":[[#]]:8)
// LIST-NEXT: // m=? n=37 k=131 lhs=bf16 rhs=bf16 #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}> out=f32 args=[] epilogue=[]
// LIST-NEXT: // [[#COUNT:]] schedules
// LIST-NEXT: #quant_tile.schedule<{{.*}}chip = "sm_90a", {{.*}}> // chosen for 1{{.*}} rows
// LIST: #quant_tile.schedule<mma_sync, chip = "sm_90a", tile = [
// LIST: // 1 ops, [[#COUNT]] schedules in all
// THREE: // 1 ops, 3 schedules in all
// ALONE: b.qtune
// ALONE-NEXT: list
// FILES: {{^}}0{{$}}
// FILES-NEXT: tuning.json
// FILES: {{^}}0{{$}}
// FILES-NEXT: {{^}}1{{$}}
// FILES-NEXT: {{^}}2{{$}}
// FILES: kernels.mlirbc
// FILES-NEXT: manifest.json
// FILES-NEXT: module.ptx
// FILES-NEXT: reference.mlirbc
// INDEX: "chip": "sm_90a"
// INDEX: "format": "quantmlir-tuning-bundle"
// INDEX: "artifact": "0/0"
// INDEX: "rows": [
// INDEX-NEXT: 1,
// INDEX-NEXT: 33
// INDEX: "schedule": "#quant_tile.schedule<mma_sync, chip = \"sm_90a\"
// INDEX: "op": "m=? n=37 k=131 lhs=bf16 {{.*}} epilogue=[]"
// ONE: // 1 ops, 1 schedules in all
// CUBIN: module.cubin
// CUBIN-NOT: {{^}}1{{$}}
// OCCUPIED: error: {{.*}} exists and is not a tuning bundle
// NOWHERE: error: cannot create {{.*}}: No such file or directory
// WHERE: error: a bundle is a directory: say where with -o
// ASCEND: error: --rows must ascend from at least 1
// CHIP: error: {{.*}}sm_70
// MISSING: error: cannot read schedules from '{{.*}}missing': No such file or directory
// EMPTY: nothing:1:1: error: the file has no schedule
// BAD: bad:1:1: error: cannot be read as a schedule: mma_sync needs tile = [m, n, k], got 0 extents
// ILLEGAL: illegal:2:1: error: no op can obey this schedule: mma_sync reads encoded weights in fragment layout
// ILLEGAL: quant-tune.mlir:{{.*}} note: m=? n=37 {{.*}}: mma_sync reads encoded weights in fragment layout
// SKIP: mixed:1:1: warning: cannot be read as a schedule
// SKIP: mixed:3:1: warning: no op can obey this schedule
// SKIP: // 1 ops, 3 schedules in all
// NOTHING: error: the module has no contraction to tune
// SYNTAX: error: {{.*}}expected

#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
func.func @linear(%x: tensor<?x131xbf16>, %w: tensor<37x131xbf16, #w4>) -> tensor<?x37xf32> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %m = tensor.dim %x, %c0 : tensor<?x131xbf16>
  %e = tensor.empty(%m) : tensor<?x37xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<?x37xf32>) -> tensor<?x37xf32>
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn]
      ins(%x, %w : tensor<?x131xbf16>, tensor<37x131xbf16, #w4>)
      outs(%init : tensor<?x37xf32>) -> tensor<?x37xf32>
  return %y : tensor<?x37xf32>
}
