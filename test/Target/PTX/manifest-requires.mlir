// RUN: quant-compile %s --emit=manifest | %python -c "import json, sys; [print(f['name'], json.dumps(f.get('requires'))) for f in json.load(sys.stdin)['functions']]" | FileCheck %s

#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>

// Codes (d0), scales (d1) and residual (d2) have as many rows. The matmul is
// dispatched on them, so each branch asks for it, and for no more of them than
// a kernel can count.
// CHECK: linear {{\[\[}}"eq", "d0", "d1"], ["eq", "d0", "d2"], ["le", "d0", 2147479552{{\]\]}}
func.func @linear(%q: tensor<?x256xf32, #token>, %w: tensor<512x256xf32, #token>, %r: tensor<?x512xf32>) -> tensor<?x512xf32> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %m = tensor.dim %q, %c0 : tensor<?x256xf32, #token>
  %e = tensor.empty(%m) : tensor<?x512xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<?x512xf32>) -> tensor<?x512xf32>
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn]
      ins(%q, %w : tensor<?x256xf32, #token>, tensor<512x256xf32, #token>)
      outs(%init : tensor<?x512xf32>) -> tensor<?x512xf32>
  %z = arith.addf %y, %r : tensor<?x512xf32>
  return %z : tensor<?x512xf32>
}

// One dynamic extent, or none, needs no condition.
// CHECK-NEXT: alone null
func.func @alone(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %y = arith.addf %x, %x : tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// What only a branch needs is required only there.
// CHECK-NEXT: branch {{\[\[}}"or", ["not", ["gt", "d0", 8{{\]\]}}, ["eq", "d0", "d1"{{\]\]\]}}
func.func @branch(%x: tensor<?xf32>, %y: tensor<?xf32>) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  %n = tensor.dim %x, %c0 : tensor<?xf32>
  %many = arith.cmpi sgt, %n, %c8 : index
  %e = tensor.empty(%n) : tensor<?xf32>
  %r = scf.if %many -> tensor<?xf32> {
    %0 = linalg.add ins(%x, %y : tensor<?xf32>, tensor<?xf32>) outs(%e : tensor<?xf32>) -> tensor<?xf32>
    scf.yield %0 : tensor<?xf32>
  } else {
    %0 = linalg.add ins(%x, %x : tensor<?xf32>, tensor<?xf32>) outs(%e : tensor<?xf32>) -> tensor<?xf32>
    scf.yield %0 : tensor<?xf32>
  }
  return %r : tensor<?xf32>
}

// What follows from a branch's own condition is no requirement, and of two
// bounds of which one must hold the wider one says it all.
// CHECK-NEXT: bounds {{\[\[}}"le", "d0", 100{{\]\]}}
func.func @bounds(%x: tensor<?xf32>) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  %c100 = arith.constant 100 : index
  %n = tensor.dim %x, %c0 : tensor<?xf32>
  %few = arith.cmpi ule, %n, %c8 : index
  %bounded = arith.cmpi ule, %n, %c100 : index
  %e = tensor.empty(%n) : tensor<?xf32>
  %r = scf.if %few -> tensor<?xf32> {
    cf.assert %few, "as the condition says"
    %0 = linalg.add ins(%x, %x : tensor<?xf32>, tensor<?xf32>) outs(%e : tensor<?xf32>) -> tensor<?xf32>
    scf.yield %0 : tensor<?xf32>
  } else {
    cf.assert %bounded, "not too many"
    %0 = linalg.mul ins(%x, %x : tensor<?xf32>, tensor<?xf32>) outs(%e : tensor<?xf32>) -> tensor<?xf32>
    scf.yield %0 : tensor<?xf32>
  }
  return %r : tensor<?xf32>
}

// An assertion of the program's own, on sizes.
// CHECK-NEXT: own {{\[\[}}"eq", ["mod", "d0", 4], 0{{\]\]}}
func.func @own(%x: tensor<?xf32>) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %n = tensor.dim %x, %c0 : tensor<?xf32>
  %rest = arith.remui %n, %c4 : index
  %whole = arith.cmpi eq, %rest, %c0 : index
  cf.assert %whole, "a multiple of 4"
  %y = arith.addf %x, %x : tensor<?xf32>
  return %y : tensor<?xf32>
}

#group = #quant_tensor.encoding<{storage = i8, block = [1, 32], scale = f32}>

// Codes (d0 x d1) have a scale (d2 x d3) for each group of 32 columns.
// An encoded argument is a weight: preparing it is what reads it.
// CHECK-NEXT: groups null
// CHECK-NEXT: groups.prepare {{\[\[}}"eq", "d0", "d2"], ["lt", ["floordiv", ["sub", "d1", 1], 32], "d3"{{\]\]}}
func.func @groups(%q: tensor<?x?xf32, #group>) -> tensor<?x?xf32> {
  %y = quant_tensor.dequantize %q : tensor<?x?xf32, #group> -> tensor<?x?xf32>
  return %y : tensor<?x?xf32>
}
