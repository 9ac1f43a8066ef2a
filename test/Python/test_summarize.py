"""The closing line of a test run: nothing run must not look like success."""

import subprocess
import sys

from conftest import ROOT

SCRIPT = ROOT / "scripts" / "summarize_tests.py"


def summarize(*paths):
    return subprocess.run(
        [sys.executable, str(SCRIPT), *map(str, paths)],
        capture_output=True,
        text=True,
    )


def report(path, body):
    path.write_text(f"<testsuites><testsuite>{body}</testsuite></testsuites>")
    return path


def test_adds_up(tmp_path):
    one = report(tmp_path / "a.xml", '<testcase name="x"/><testcase name="y"/>')
    two = report(tmp_path / "b.xml", '<testcase name="z"><skipped/></testcase>'
                 '<testcase name="w"/>')
    result = summarize(one, two)
    assert result.returncode == 0
    assert result.stdout == "3 passed, 0 failed, 1 skipped\n"


def test_failure_fails(tmp_path):
    one = report(tmp_path / "a.xml",
                 '<testcase name="x"><failure/></testcase><testcase name="y"/>')
    result = summarize(one)
    assert result.returncode == 1
    assert result.stdout == "1 passed, 1 failed\n"


def test_empty_or_missing_report_fails(tmp_path):
    full = report(tmp_path / "a.xml", '<testcase name="x"/>')
    assert summarize(full, report(tmp_path / "b.xml", "")).returncode == 1
    assert summarize(full, tmp_path / "missing.xml").returncode == 1
