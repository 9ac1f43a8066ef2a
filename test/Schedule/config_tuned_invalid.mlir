// Each file of timings is refused at the line that is wrong.
// RUN: split-file %s %t
// RUN: not quant-opt %t/op.mlir -select-schedule="tuned=%t/missing.jsonl" 2>&1 | FileCheck %s --check-prefix=MISSING
// RUN: not quant-opt %t/op.mlir -select-schedule="tuned=%t" 2>&1 | FileCheck %s --check-prefix=FOLDER
// RUN: not quant-opt %t/op.mlir -select-schedule="tuned=%t/cut.jsonl" 2>&1 | FileCheck %s --check-prefix=CUT
// RUN: not quant-opt %t/op.mlir -select-schedule="tuned=%t/list.jsonl" 2>&1 | FileCheck %s --check-prefix=LIST
// RUN: not quant-opt %t/op.mlir -select-schedule="tuned=%t/field.jsonl" 2>&1 | FileCheck %s --check-prefix=FIELD
// RUN: not quant-opt %t/op.mlir -select-schedule="tuned=%t/needs.jsonl" 2>&1 | FileCheck %s --check-prefix=NEEDS
// RUN: not quant-opt %t/op.mlir -select-schedule="tuned=%t/text.jsonl" 2>&1 | FileCheck %s --check-prefix=TEXT
// RUN: not quant-opt %t/op.mlir -select-schedule="tuned=%t/rows.jsonl" 2>&1 | FileCheck %s --check-prefix=ROWS
// RUN: not quant-opt %t/op.mlir -select-schedule="tuned=%t/zero.jsonl" 2>&1 | FileCheck %s --check-prefix=ZERO
// RUN: not quant-opt %t/op.mlir -select-schedule="tuned=%t/huge.jsonl" 2>&1 | FileCheck %s --check-prefix=ZERO
// RUN: not quant-opt %t/op.mlir -select-schedule="tuned=%t/syntax.jsonl" 2>&1 | FileCheck %s --check-prefix=SYNTAX
// RUN: not quant-opt %t/op.mlir -select-schedule="tuned=%t/kind.jsonl" 2>&1 | FileCheck %s --check-prefix=KIND
// RUN: not quant-opt %t/op.mlir -select-schedule="tuned=%t/stale.jsonl" 2>&1 | FileCheck %s --check-prefix=STALE
// RUN: not quant-opt %t/op.mlir -select-schedule="tuned=%t/other-rows.jsonl" 2>&1 | FileCheck %s --check-prefix=OTHER-ROWS
// RUN: not quant-opt %t/op.mlir -select-schedule="tuned=%t/gpus.jsonl" 2>&1 | FileCheck %s --check-prefix=GPUS
// RUN: quant-opt %t/op.mlir -select-schedule="tuned=%t/gpus.jsonl tuned-gpu=H100" | FileCheck %s --check-prefix=CHOSEN
// RUN: not quant-compile %t/op.mlir --tuned=%t/cut.jsonl -o %t/a.qmlir 2>&1 | FileCheck %s --check-prefix=CUT
// RUN: not ls %t/a.qmlir

// MISSING: op.mlir:{{.*}}error: cannot read timings from '{{.*}}missing.jsonl': No such file or directory
// FOLDER: op.mlir:{{.*}}error: cannot read timings from '{{.*}}': Is a directory
// CUT: cut.jsonl:3:1: error: not a line of JSON: {{.+}}
// LIST: list.jsonl:1:1: error: expected a JSON object
// FIELD: field.jsonl:1:1: error: unknown field 'milliseconds', expected one of: op, rows, schedule, gpu, microseconds, date, method, check, error
// NEEDS: needs.jsonl:1:1: error: a timing needs 'gpu'
// TEXT: text.jsonl:1:1: error: 'schedule' must be a text that is not empty
// ROWS: rows.jsonl:1:1: error: 'rows' must be a whole number of at least 1
// ZERO: :1:1: error: 'microseconds' must be a number above 0, or the line have an 'error'
// SYNTAX: syntax.jsonl:1:1: error: 'schedule' cannot be read: unknown schedule field 'tiles', expected one of: {{.+}}
// KIND: kind.jsonl:1:1: error: 'schedule' must be a #quant_tile.schedule, got 1 : i64
// STALE: stale.jsonl:1:1: error: schedule cannot be obeyed, so the timing is of another version of the compiler: tile k = 64 does not give each warp along k a multiple of 128 columns (128 bytes)
// STALE: op.mlir:2:{{.*}}note: for this op
// OTHER-ROWS: other-rows.jsonl:1:1: error: timing is with 16 rows, but its op has 17
// GPUS: gpus.jsonl:2:1: error: timings are of 'NVIDIA H200' and of 'NVIDIA H100': say with tuned-gpu which to use
// CHOSEN: tile = [16, 64, 128]

//--- op.mlir
func.func @static(%x: tensor<17x4096xi8>, %w: tensor<2048x4096xi8>, %init: tensor<17x2048xi32>) -> tensor<17x2048xi32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<17x4096xi8>, tensor<2048x4096xi8>) maps [] outs(%init : tensor<17x2048xi32>) {
  ^bb0(%acc: i32):
    quant_tensor.yield %acc : i32
  } -> tensor<17x2048xi32>
  return %y : tensor<17x2048xi32>
}
//--- cut.jsonl
{"op": "another", "rows": 1, "gpu": "H", "schedule": "-", "error": "no"}

{"op": "another", "rows": 1, "gpu": "H", "sched
//--- list.jsonl
[1, 2]
//--- field.jsonl
{"op": "o", "rows": 1, "gpu": "H", "schedule": "#quant_tile.schedule<plain, chip = \"sm_90a\">", "milliseconds": 1}
//--- needs.jsonl
{"op": "o", "rows": 1, "schedule": "#quant_tile.schedule<plain, chip = \"sm_90a\">", "microseconds": 1}
//--- text.jsonl
{"op": "o", "rows": 1, "gpu": "H", "schedule": 7, "microseconds": 1}
//--- rows.jsonl
{"op": "o", "rows": 1.5, "gpu": "H", "schedule": "#quant_tile.schedule<plain, chip = \"sm_90a\">", "microseconds": 1}
//--- zero.jsonl
{"op": "o", "rows": 1, "gpu": "H", "schedule": "#quant_tile.schedule<plain, chip = \"sm_90a\">", "microseconds": -1}
//--- huge.jsonl
{"op": "o", "rows": 1, "gpu": "H", "schedule": "#quant_tile.schedule<plain, chip = \"sm_90a\">", "microseconds": 1e999}
//--- syntax.jsonl
{"op": "o", "rows": 1, "gpu": "H", "schedule": "#quant_tile.schedule<mma_sync, chip = \"sm_90a\", tiles = [1]>", "microseconds": 1}
//--- kind.jsonl
{"op": "o", "rows": 1, "gpu": "H", "schedule": "1 : i64", "microseconds": 1}
//--- stale.jsonl
{"op": "m=17 n=2048 k=4096 lhs=i8 rhs=i8 out=i32 args=[] epilogue=[]", "rows": 17, "gpu": "H", "schedule": "#quant_tile.schedule<mma_sync, chip = \"sm_90a\", tile = [32, 64, 64], warps = [1, 4, 1], stages = 3>", "microseconds": 1}
//--- other-rows.jsonl
{"op": "m=17 n=2048 k=4096 lhs=i8 rhs=i8 out=i32 args=[] epilogue=[]", "rows": 16, "gpu": "H", "schedule": "#quant_tile.schedule<mma_sync, chip = \"sm_90a\", tile = [32, 64, 128], warps = [1, 4, 1], stages = 3>", "microseconds": 1}
//--- gpus.jsonl
{"op": "m=17 n=2048 k=4096 lhs=i8 rhs=i8 out=i32 args=[] epilogue=[]", "rows": 17, "gpu": "NVIDIA H200", "schedule": "#quant_tile.schedule<mma_sync, chip = \"sm_90a\", tile = [32, 64, 128], warps = [1, 4, 1], stages = 3>", "microseconds": 1}
{"op": "m=17 n=2048 k=4096 lhs=i8 rhs=i8 out=i32 args=[] epilogue=[]", "rows": 17, "gpu": "NVIDIA H100", "schedule": "#quant_tile.schedule<mma_sync, chip = \"sm_90a\", tile = [16, 64, 128], warps = [1, 4, 1], stages = 3>", "microseconds": 1}
