// RUN: split-file %s %t
// RUN: quant-mutate %t/kernels.mlir --workers=1 | FileCheck %t/kernels.mlir --check-prefix=ALL
// RUN: not quant-mutate %t/redundant.mlir --workers=1 | FileCheck %t/redundant.mlir --check-prefix=SURVIVES
// RUN: quant-mutate %t/redundant.mlir --workers=1 --quiet --equivalent=%t/list.txt | FileCheck %t/redundant.mlir --check-prefix=LISTED
// RUN: quant-mutate %t/kernels.mlir --workers=1 --sample=2 --seed=7 | FileCheck %t/kernels.mlir --check-prefix=SAMPLE
// RUN: not quant-mutate %t/kernels.mlir --equivalent=%t/wrong.txt 2>&1 | FileCheck %t/wrong.txt
// RUN: not quant-mutate %t/faulty.mlir 2>&1 | FileCheck %t/faulty.mlir

//--- kernels.mlir

// ALL-DAG: killed     kernels/reverse: barrier nvvm.barrier0 #0, {{.*}}kernels.mlir{{.*}}: {{race|uninitialized-read}}:
// ALL-DAG: killed     kernels/reverse: guard llvm.icmp ult #0, {{.*}}: out-of-bounds: read of 4 bytes at byte 240 of buffer 'arg0' (240 bytes)
// ALL-DAG: killed     kernels/reverse: predicate llvm.cond_br #0, {{.*}}: out-of-bounds: write of 4 bytes at byte {{.*}} of buffer 'arg1'
// ALL-DAG: killed     kernels/copy: wait nvvm.cp.async.wait.group #0, {{.*}}: pending-copy:
// ALL-DAG: killed     kernels/copy: commit nvvm.cp.async.commit.group #0, {{.*}}: pending-copy:
// ALL-DAG: killed     kernels/copy: guard nvvm.cp.async.shared.global #0, {{.*}}: out-of-bounds: read of 16 bytes
// ALL-DAG: killed     kernels/copy: clamp llvm.intr.umin #0, {{.*}}: invalid-operand: source size
// ALL-DAG: constant   kernels/copy: guard llvm.icmp ult #0, {{.*}}: it follows from the places of thread and block
// ALL-DAG: killed     kernels/count: predicate llvm.cond_br #0, {{.*}}: step-limit: the thread still runs after 20000
// ALL: 9 mutants of 9: 8 killed, 1 of constant conditions, 0 listed as equivalent, 0 survived, 0 not run
// SAMPLE-COUNT-2: {{^(killed|constant)}}
// SAMPLE: 2 mutants of 9:
gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<64 x i32>

  // 60 numbers backwards by 64 threads. What lies beyond is taken for zero.
  llvm.func @reverse(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>, %n: i32) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 64>, arguments = ["in i32 60 iota", "out i32 60", "i64 60"]}} {
    %c63 = llvm.mlir.constant(63 : i32) : i32
    %zero = llvm.mlir.constant(0 : i32) : i32
    %four = llvm.mlir.constant(4 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %inside = llvm.icmp "ult" %tid, %n : i32
    %index = llvm.select %inside, %tid, %zero : i1, i32
    %from = llvm.getelementptr %in[%index] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %read = llvm.load %from : !llvm.ptr<1> -> i32
    %x = llvm.select %inside, %read, %zero : i1, i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %slot = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    llvm.store %x, %slot : i32, !llvm.ptr<3>
    nvvm.barrier0
    %other = llvm.sub %c63, %tid : i32
    %slot2 = llvm.getelementptr %tile[%other] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    %y = llvm.load %slot2 : !llvm.ptr<3> -> i32
    %behind = llvm.icmp "uge" %tid, %n : i32
    llvm.cond_br %behind, ^end, ^write
  ^write:
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %y, %to : i32, !llvm.ptr<1>
    llvm.br ^end
  ^end:
    llvm.return
  }

  // 4 numbers for each of 16 threads, two of which the last one lacks.
  llvm.func @copy(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 16>, arguments = ["in i32 62 iota", "out i32 16"]}} {
    %c4 = llvm.mlir.constant(4 : i32) : i32
    %c16 = llvm.mlir.constant(16 : i32) : i32
    %zero = llvm.mlir.constant(0 : i32) : i32
    %bytes = llvm.mlir.constant(248 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %start = llvm.mul %tid, %c16 : i32
    %left = llvm.sub %bytes, %start : i32
    %size = llvm.intr.umin(%left, %c16) : (i32, i32) -> i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %slot = llvm.getelementptr %tile[%start] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
    %from = llvm.getelementptr %in[%start] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
    nvvm.cp.async.shared.global %slot, %from, 16, cache = cg, %size : !llvm.ptr<3>, !llvm.ptr<1>, i32
    nvvm.cp.async.commit.group
    nvvm.cp.async.wait.group 0
    %x = llvm.load %slot : !llvm.ptr<3> -> i32
    // Always so.
    %inside = llvm.icmp "ult" %tid, %c16 : i32
    %index = llvm.select %inside, %tid, %zero : i1, i32
    %to = llvm.getelementptr %out[%index] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %x, %to : i32, !llvm.ptr<1>
    llvm.return
  }

  llvm.func @count() attributes {gpu.kernel, emulate.launch = {arguments = []}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %c9 = llvm.mlir.constant(9 : i32) : i32
    llvm.br ^loop(%zero : i32)
  ^loop(%i: i32):
    %next = llvm.add %i, %one : i32
    %more = llvm.icmp "ult" %next, %c9 : i32
    llvm.cond_br %more, ^loop(%next : i32), ^end
  ^end:
    llvm.return
  }
}

//--- redundant.mlir

// SURVIVES: survived   redundant/twice: barrier nvvm.barrier0 #0, {{.*}}redundant.mlir
// SURVIVES: survived   redundant/twice: barrier nvvm.barrier0 #1, {{.*}}redundant.mlir
// SURVIVES: 2 mutants of 2: 0 killed, 0 of constant conditions, 0 listed as equivalent, 2 survived, 0 not run
// LISTED: equivalent redundant/twice: barrier nvvm.barrier0 #0, {{.*}}: the other barrier does it
// LISTED: equivalent redundant/twice: barrier nvvm.barrier0 #1, {{.*}}: the other barrier does it
// LISTED: unused     redundant/twice | wait * | there is none
// LISTED: 2 mutants of 2: 0 killed, 0 of constant conditions, 2 listed as equivalent, 0 survived, 0 not run
gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<64 x i32>
  llvm.func @twice(%out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 64>, arguments = ["out i32 64"]}} {
    %c63 = llvm.mlir.constant(63 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %slot = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    llvm.store %tid, %slot : i32, !llvm.ptr<3>
    nvvm.barrier0
    nvvm.barrier0
    %other = llvm.sub %c63, %tid : i32
    %slot2 = llvm.getelementptr %tile[%other] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    %y = llvm.load %slot2 : !llvm.ptr<3> -> i32
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %y, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

//--- list.txt
# One of the two would do.
*/twice | barrier nvvm.barrier0 #* | the other barrier does it
redundant/twice | wait * | there is none

//--- wrong.txt
// CHECK: wrong.txt:2: expected INPUT/KERNEL | MUTATION | REASON
without a reason

//--- faulty.mlir
// CHECK: kernel 'faulty' is faulty as it is
gpu.module @kernels {
  llvm.func @faulty(%in: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 2>, arguments = ["in i32 1"]}} {
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %from = llvm.getelementptr %in[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %x = llvm.load %from : !llvm.ptr<1> -> i32
    llvm.return
  }
}
