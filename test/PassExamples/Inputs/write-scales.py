"""Writes the scales of the layer "fc" as safetensors to the path given."""

import json
import pathlib
import struct
import sys

header = json.dumps({"fc.smooth": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}).encode()
pathlib.Path(sys.argv[1]).write_bytes(
    struct.pack("<Q", len(header)) + header + struct.pack("<4f", 1, 2, 4, 0.5))
