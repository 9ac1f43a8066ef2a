//===- Passes.td - Lowering of the reference to LLVM ----------*- tablegen -*-===//

#ifndef QUANTMLIR_EXECUTION_PASSES_TD
#define QUANTMLIR_EXECUTION_PASSES_TD

include "mlir/Pass/PassBase.td"

def PrepareReference : Pass<"quant-prepare-reference", "::mlir::ModuleOp"> {
  let summary = "make a module ready for bufferization and for callers in C";
  let description = [{
    Public functions get a C interface, and their arguments are marked as not
    writable, so that a caller's arrays are never changed. `linalg` ops that
    upstream lowers only after decomposing them (softmax, pack and the like) are
    decomposed.

    ```mlir
    func.func @f(%x: tensor<4xf32> {bufferization.writable = false})
        attributes {llvm.emit_c_interface}
    ```
  }];
}

def LowerAsserts : Pass<"quant-lower-asserts", "::mlir::ModuleOp"> {
  let summary = "report failed checks to the caller of compiled code";
  let description = [{
    `cf.assert` would end the process. Here it calls the executor's handler with
    the number of the check; the messages become an attribute of the module.

    ```mlir
    scf.if %fails {
      func.call @quantmlirCheckFailed(%number) : (i64) -> ()
    }
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::func::FuncDialect",
                           "::mlir::scf::SCFDialect"];
}

def LowerObservers : Pass<"quant-lower-observers", "::mlir::ModuleOp"> {
  let summary = "hand observed tensors to the caller of compiled code";
  let description = [{
    Each `quant_tensor.observe` becomes a call of the executor's observer, with
    its number and its data as f32; names, kinds and axes by that number become an
    attribute of the module. Runs before anything that takes an `observe` for the
    identity.

    ```mlir
    %any = tensor.cast %x : tensor<8x64xf32> to tensor<*xf32>
    func.call @quantmlirObserve(%number, %any) : (i64, tensor<*xf32>) -> ()
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::func::FuncDialect",
                           "::mlir::tensor::TensorDialect"];
}

def LowerCopies : Pass<"quant-lower-copies"> {
  let summary = "copies to or from strided buffers as linalg";
  let description = [{
    Upstream lowers a `memref.copy` with strides to a call of a runtime library
    that compiled references are not linked with. Here it becomes a
    `linalg.generic`, and loops with the others.

    ```mlir
    func.func @f(%x: memref<2x2xf32>, %y: memref<2x2xf32, strided<[4, 1]>>) {
      memref.copy %x, %y : memref<2x2xf32> to memref<2x2xf32, strided<[4, 1]>>
      return
    }
    ```
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect"];
}

def LowerReductionsToLoops : Pass<"quant-lower-reductions-to-loops"> {
  let summary = "linalg reductions as loops that accumulate in registers";
  let description = [{
    A `linalg.generic` on buffers with reduction loops becomes `scf.for` loops:
    the parallel ones outside, the reductions inside with the accumulators as
    `iter_args`. `convert-linalg-to-loops` would load and store an accumulator
    in every iteration, which LLVM, not knowing that buffers do not overlap,
    keeps and does not vectorise.

    ```mlir
    scf.for %i = %c0 to %m step %c1 {
      %init = memref.load %out[%i]
      %sum = scf.for %k = %c0 to %n step %c1 iter_args(%acc = %init) -> (f32) {
        ...
      }
      memref.store %sum, %out[%i]
    }
    ```
  }];
  let dependentDialects = ["::mlir::affine::AffineDialect",
                           "::mlir::memref::MemRefDialect",
                           "::mlir::scf::SCFDialect"];
}

#endif // QUANTMLIR_EXECUTION_PASSES_TD
