// RUN: quant-opt %s -convert-quant-tensor-to-quant-tile -canonicalize -cse | FileCheck %s
// RUN: quant-opt %s --pass-pipeline="builtin.module(convert-quant-tensor-to-quant-tile,symbol-dce,gpu.module(canonicalize,cse,convert-nvgpu-to-nvvm,convert-scf-to-cf,convert-gpu-to-nvvm,convert-nvvm-to-llvm,reconcile-unrealized-casts),nvvm-attach-target{chip=sm_90a features=+ptx80 O=3},gpu-module-to-binary{format=isa})" \
// RUN:   | FileCheck %s --check-prefix=PTX

// The weights come in 16-byte reads, two of them in flight, the first of them
// before the kernel in front has ended; they are decoded by lop3 and multiplied
// on CUDA cores; lanes, then warps, are added up.

#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = bf16, layout = <fragment, tile = [16, 64]>}>

// CHECK-LABEL: gpu.func @matmul_reduce_0(
// CHECK-SAME: %{{.*}}: memref<1x4096xbf16>, %[[CODES:.*]]: memref<256x64x128xi32>, %{{.*}}: memref<256x32x16xbf16>, %{{.*}}: memref<1x4096xbf16>) workgroup(%{{.*}} : memref<8x16xf32, #gpu.address_space<workgroup>>)
// CHECK-COUNT-2: quant_tile.load %[[CODES]][{{.*}}] align 16 : memref<256x64x128xi32>, vector<4xi32>
// CHECK: nvvm.griddepcontrol wait
// CHECK: scf.for
// CHECK-COUNT-2: quant_tile.load %[[CODES]][{{.*}}] align 16 : memref<256x64x128xi32>, vector<4xi32>
// CHECK: quant_tile.decode %{{.*}}[0] storage(i4) : vector<2xbf16>
// CHECK: gpu.shuffle xor
// CHECK: gpu.barrier
// CHECK: arith.truncf %{{.*}} : f32 to bf16
// CHECK: memref.store

// CHECK-LABEL: func private @r1
// CHECK: quant_tile.launch @kernels::@matmul_reduce_0 grid(%c1, %c256, %c1) block [256, 1, 1]

// PTX: .entry matmul_reduce_0
// PTX-COUNT-2: ld.global.nc.v4.b32
// PTX: griddepcontrol.wait
// PTX: lop3.b32
// PTX: fma.rn.f32
// PTX: shfl.sync.bfly.b32
// PTX-NOT: .extern .func
func.func private @r1(%x: tensor<1x4096xbf16>, %w: tensor<4096x4096xbf16, #w4>, %init: tensor<1x4096xbf16>) -> tensor<1x4096xbf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<1x4096xbf16>, tensor<4096x4096xbf16, #w4>) maps []
      outs(%init : tensor<1x4096xbf16>) attributes {quant_tile.schedule = #quant_tile.schedule<reduce, chip = "sm_90a", tile = [1, 16, 512], warps = [1, 1, 8], stages = 2, weights = <fragment, tile = [16, 64]>, dependent_launch = true>} {
  ^bb0(%acc: f32):
    %3 = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %3 : bf16
  } -> tensor<1x4096xbf16>
  return %y : tensor<1x4096xbf16>
}
