"""The rules by which tensor cores add up floats, against what was recorded."""

import re

import pytest

from conformance import cases_matrix, cases_wgmma, recorded, sums

FLOATS = {
    case.name: case
    for case in (*cases_matrix.cases(), *cases_wgmma.cases())
    if re.match(r"mma\..*\.(f16|bf16|tf32|e4m3|e5m2)$|wgmma\..*\.(f16|bf16|e4m3|e5m2)\.", case.name)
}


@pytest.fixture(scope="module")
def hardware():
    return recorded.Recorded()


@pytest.mark.parametrize("name", FLOATS)
def test_rules_give_each_sum(hardware, name):
    assert sums.mismatches(FLOATS[name], hardware.words(name)) == 0


@pytest.mark.parametrize(
    "name,changes",
    [
        (name, changes)
        for name in ("mma.m16n8k16.f32.f16", "mma.m16n8k16.f32.bf16", "mma.m16n8k8.f32.tf32",
                     "wgmma.n8.bf16.ss.sw128.styles", "wgmma.n8.f16.rs.sw128.zero")
        for changes in ({"fraction": 24}, {"fraction": 26}, {"group": 4}, {"zeros_count": True})
    ]
    + [
        (name, changes)
        for name in ("wgmma.n8.e4m3.ss.sw128.styles", "wgmma.n8.e5m2.ss.sw128.styles")
        for changes in ({"fraction": 12}, {"fraction": 14}, {"kept": 12}, {"kept": 14}, {"group": 16},
                        {"zeros_count": True})
    ]
    + [("mma.m16n8k16.f32.bf16", {"lowest": -134}), ("mma.m16n8k16.f32.bf16", {"lowest": -132})],
)
def test_other_rules_do_not(hardware, name, changes):
    assert sums.mismatches(FLOATS[name], hardware.words(name), **changes) > 0
