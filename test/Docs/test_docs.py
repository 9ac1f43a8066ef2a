"""The reference in docs/ is what TableGen says now."""

import subprocess
import sys

from conftest import ROOT


def test_reference_is_current():
    result = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "generate_docs.py"), "--check"],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
