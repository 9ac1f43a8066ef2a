"""Whatever kernels the tests of this folder run in the emulator, schedules above
all, have no instruction that was not recorded on the hardware."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "Emulator"))
from conformance import instructions  # noqa: E402


@pytest.fixture(scope="session")
def recorded_instructions(build_dir):
    return instructions.list_recorded(build_dir / "bin" / "quant-emulate")


@pytest.fixture(autouse=True)
def every_instruction_is_recorded(request, monkeypatch, tmp_path_factory):
    """The emulator adds what it runs to a file, which is looked at when the test is
    over."""
    file = tmp_path_factory.mktemp("instructions") / "list"
    monkeypatch.setenv("QUANTMLIR_EMULATOR_INSTRUCTIONS", str(file))
    yield
    if not file.exists():
        return
    found = instructions.names_of(file.read_text().splitlines())
    missing = found - request.getfixturevalue("recorded_instructions")
    assert not missing, (
        "not among the cases of test/Emulator/conformance, so nobody knows what the hardware gives: "
        + "; ".join(sorted(missing)))
