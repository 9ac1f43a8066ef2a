// RUN: not quant-opt %s -select-schedule=chip=sm_75 2>&1 | FileCheck %s
// CHECK: error: unknown chip 'sm_75', expected one of: sm_80, sm_89, sm_90a
module {}
