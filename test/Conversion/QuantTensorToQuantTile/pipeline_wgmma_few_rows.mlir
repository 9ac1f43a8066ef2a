// RUN: quant-opt %s -convert-quant-tensor-to-quant-tile -canonicalize -cse | FileCheck %s
// RUN: quant-compile %s --emit=ptx -o %t.ptx
// RUN: %ptxas -arch=sm_90a -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS

// A tile of 64 rows of which 13 exist: 16 are loaded, in one box, and the bytes of
// the other 48 are zeros from the start. A stage is 16 x 128 of activations and
// 64 x 128 of weights.
// CHECK-LABEL: gpu.func @matmul_wgmma_0(
// CHECK-DAG: %[[BYTES:.*]] = arith.constant 10240 : i32
// CHECK: llvm.store {{.*}} : vector<4xi32>, !llvm.ptr<3>
// CHECK: nvvm.fence.proxy
// CHECK: nvvm.mbarrier.init
// CHECK: nvvm.mbarrier.arrive.expect_tx {{.*}}, %[[BYTES]]
// CHECK-LABEL: func.func @few
// CHECK: #quant_tile.tensor_map<box = [16, 128]{{.*}}#quant_tile.tensor_map<box = [64, 128]

// PTXAS-NOT: {{[1-9][0-9]*}} bytes spill
// PTXAS-NOT: C75
// PTXAS: 0 bytes stack frame

func.func @few(%x: tensor<13x1040xi8>, %w: tensor<136x1040xi8>, %init: tensor<13x136xi32>) -> tensor<13x136xi32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<13x1040xi8>, tensor<136x1040xi8>) maps []
      outs(%init : tensor<13x136xi32>) attributes {quant_tile.schedule = #quant_tile.schedule<wgmma, chip = "sm_90a", tile = [64, 64, 128], warps = [4, 2, 1], stages = 4, warpgroups = <cooperative>>} {
  ^bb0(%acc: i32):
    quant_tensor.yield %acc : i32
  } -> tensor<13x136xi32>
  return %y : tensor<13x136xi32>
}
