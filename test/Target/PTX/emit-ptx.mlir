// RUN: quant-opt %s --quant-to-ptx=chip=sm_80 | FileCheck %s --check-prefix=BINARY
// RUN: quant-compile %s --emit=ptx --chip=sm_80 -o %t.80.ptx
// RUN: FileCheck %s --check-prefixes=PTX,SM80 < %t.80.ptx
// RUN: %ptxas -arch=sm_80 -v %t.80.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS
// RUN: quant-compile %s --emit=ptx --chip=sm_89 -o %t.89.ptx
// RUN: %ptxas -arch=sm_89 -v %t.89.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS
// RUN: quant-compile %s --emit=ptx --chip=sm_90a | FileCheck %s --check-prefixes=PTX,SM90
// RUN: not quant-compile %s --emit=ptx --chip=sm_70 2>&1 | FileCheck %s --check-prefix=UNKNOWN

// UNKNOWN: error: unknown chip 'sm_70', expected one of: sm_80, sm_89, sm_90a

// BINARY: gpu.binary @kernels
// BINARY-SAME: #gpu.object<#nvvm.target<O = 3, chip = "sm_80">, assembly = "
// BINARY: gpu.launch_func @kernels::@elementwise_0

// SM80: .target sm_80
// SM90: .target sm_90a
// PTX-NOT: .extern .func
// PTX: .visible .entry elementwise_0
// PTX: .maxntid 256
// What the kernel does not write is read through the read-only cache.
// PTX: ld.global.nc.b32
// PTX: ld.global.nc.b16
// PTX: ex2.approx.ftz.f32
// PTX: st.global.b16

// PTXAS: 0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
// PTXAS-NOT: {{[1-9][0-9]*}} bytes spill

#mk = affine_map<(m, k) -> (m, k)>
func.func @silu(%x: tensor<?x64xf32>, %b: tensor<64xbf16>) -> tensor<?x64xbf16> {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %x, %c0 : tensor<?x64xf32>
  %e = tensor.empty(%m) : tensor<?x64xbf16>
  %0 = linalg.generic {indexing_maps = [#mk, affine_map<(m, k) -> (k)>, #mk],
                       iterator_types = ["parallel", "parallel"]}
      ins(%x, %b : tensor<?x64xf32>, tensor<64xbf16>) outs(%e : tensor<?x64xbf16>) {
  ^bb0(%v: f32, %w: bf16, %out: bf16):
    %one = arith.constant 1.0 : f32
    %n = arith.negf %v : f32
    %exp = math.exp %n : f32
    %d = arith.addf %exp, %one : f32
    %s = arith.divf %v, %d : f32
    %w32 = arith.extf %w : bf16 to f32
    %r = arith.addf %s, %w32 : f32
    %t = arith.truncf %r : f32 to bf16
    linalg.yield %t : bf16
  } -> tensor<?x64xbf16>
  return %0 : tensor<?x64xbf16>
}
