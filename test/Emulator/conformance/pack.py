"""Makes the data in the repository from what record.py wrote.

    python -m conformance.pack OUTPUT      (in test/Emulator)

Of cases that OUTPUT does not have, because build.py was given a pattern, the
results that are there stay, if they are of the same device and driver.
"""

import json
import lzma
import pathlib
import sys

import numpy as np

from . import cases
from .recorded import DIRECTORY, Recorded, to_planes


def main():
    output = pathlib.Path(sys.argv[1])
    recorded = json.loads((output / "recorded.json").read_text())
    results = lzma.decompress((output / "results.bin.xz").read_bytes())
    found = {entry["name"]: entry for entry in recorded["cases"]}
    DIRECTORY.mkdir(exist_ok=True)
    present = Recorded() if (DIRECTORY / "index.json").exists() else None
    if present and {**present.about, "date": ""} != {**recorded["about"], "date": ""}:
        present = None
    files = {}
    index = {}
    for group, make in cases.GROUPS.items():
        data = b""
        for case in make():
            entry = found.get(case.name)
            old = present.cases.get(case.name) if present and entry is None else None
            entry = entry or old
            if entry is None or entry["fingerprint"] != case.fingerprint():
                raise SystemExit(f"{case.name} was not recorded as it is now")
            if old:
                words = present.words(case.name)
            else:
                words = np.frombuffer(results, np.uint32, entry["bytes"] // 4, entry["offset"])
            index[case.name] = {"group": group, "offset": len(data), "bytes": entry["bytes"],
                                "crc32": entry["crc32"], "fingerprint": entry["fingerprint"]}
            data += to_planes(words)
        files[group] = lzma.compress(data, preset=9 | lzma.PRESET_EXTREME)
        print(f"{group}: {len(data)} bytes, packed {len(files[group])}")
    for group, packed in files.items():
        (DIRECTORY / f"{group}.xz").write_bytes(packed)
    (DIRECTORY / "index.json").write_text(json.dumps({"about": recorded["about"], "cases": index}, indent=0) + "\n")


if __name__ == "__main__":
    main()
