"""Makes the data in the repository from what record.py wrote.

    python -m conformance.pack OUTPUT      (in test/Emulator)
"""

import json
import lzma
import pathlib
import sys

import numpy as np

from . import cases
from .recorded import DIRECTORY, to_planes


def main():
    output = pathlib.Path(sys.argv[1])
    recorded = json.loads((output / "recorded.json").read_text())
    results = lzma.decompress((output / "results.bin.xz").read_bytes())
    found = {entry["name"]: entry for entry in recorded["cases"]}
    DIRECTORY.mkdir(exist_ok=True)
    index = {}
    for group, make in cases.GROUPS.items():
        data = b""
        for case in make():
            entry = found.get(case.name)
            if entry is None or entry["fingerprint"] != case.fingerprint():
                raise SystemExit(f"{case.name} was not recorded as it is now")
            words = np.frombuffer(results, np.uint32, entry["bytes"] // 4, entry["offset"])
            index[case.name] = {"group": group, "offset": len(data), "bytes": entry["bytes"],
                                "crc32": entry["crc32"], "fingerprint": entry["fingerprint"]}
            data += to_planes(words)
        packed = lzma.compress(data, preset=9 | lzma.PRESET_EXTREME)
        (DIRECTORY / f"{group}.xz").write_bytes(packed)
        print(f"{group}: {len(data)} bytes, packed {len(packed)}")
    (DIRECTORY / "index.json").write_text(json.dumps({"about": recorded["about"], "cases": index}, indent=0) + "\n")


if __name__ == "__main__":
    main()
