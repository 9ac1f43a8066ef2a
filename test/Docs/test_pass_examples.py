"""Every pass has an example that lit runs and the reference shows.

test/PassExamples/<pass>.mlir is that example; scripts/generate_docs.py puts it
below the pass's description.
"""

import re

import pytest

from conftest import ROOT

PASSES = sorted(
    name for source in (ROOT / "include").rglob("Passes.td")
    for name in re.findall(r'\bPass<\s*"([^"]+)"', source.read_text()))
EXAMPLES = {path.stem for path in (ROOT / "test" / "PassExamples").glob("*.mlir")}


def test_there_are_passes():
    assert len(PASSES) >= 10


@pytest.mark.parametrize("name", PASSES)
def test_has_an_example(name):
    assert name in EXAMPLES, f"write test/PassExamples/{name}.mlir"
    text = (ROOT / "test" / "PassExamples" / f"{name}.mlir").read_text()
    runs = [line for line in text.splitlines() if "RUN:" in line]
    assert any(name in line for line in runs), "its RUN lines run other passes"
    assert "CHECK" in text or "expected-" in text, "it checks nothing"


def test_no_example_of_a_pass_that_is_gone():
    assert EXAMPLES <= set(PASSES)
