// What the command line itself refuses; test/Tuner has the rest.

// RUN: not quant-tune %s 2>&1 | FileCheck %s --check-prefix=WHERE
// RUN: not quant-tune %s -o - 2>&1 | FileCheck %s --check-prefix=WHERE
// RUN: not quant-tune %s --list --rows=8,8 2>&1 | FileCheck %s --check-prefix=ASCEND
// RUN: not quant-tune %s --list --rows=0 2>&1 | FileCheck %s --check-prefix=ASCEND
// RUN: not quant-tune %t.missing --list 2>&1 | FileCheck %s --check-prefix=MISSING
// RUN: echo "func.func @f(" | not quant-tune - --list 2>&1 | FileCheck %s --check-prefix=SYNTAX

// WHERE: error: a bundle is a directory: say where with -o
// ASCEND: error: --rows must ascend from at least 1
// MISSING: error: cannot open input file
// SYNTAX: error: {{.*}}expected

func.func @f() {
  return
}
