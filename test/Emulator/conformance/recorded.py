"""The recorded results: where they are and how they are stored.

`recorded/index.json` says where and when they were recorded and which part of
which file each case has. `recorded/GROUP.xz` holds the results of a group of
cases, one after the other; of each case's 32-bit words first all lowest bytes,
then all second ones and so on, which compresses better.
"""

import json
import lzma
import pathlib
import zlib

import numpy as np

DIRECTORY = pathlib.Path(__file__).resolve().parent / "recorded"


def to_planes(words):
    return np.ascontiguousarray(words).view(np.uint8).reshape(-1, 4).T.tobytes()


def from_planes(data):
    return np.ascontiguousarray(np.frombuffer(data, np.uint8).reshape(4, -1).T).view(np.uint32).reshape(-1)


class Recorded:
    """The data in the repository."""

    def __init__(self, directory=DIRECTORY):
        self.directory = directory
        index = json.loads((directory / "index.json").read_text())
        self.about, self.cases = index["about"], index["cases"]
        self.groups = {}

    def words(self, name):
        """What the hardware wrote for a case."""
        entry = self.cases[name]
        group = entry["group"]
        if group not in self.groups:
            self.groups[group] = lzma.decompress((self.directory / f"{group}.xz").read_bytes())
        data = self.groups[group][entry["offset"] : entry["offset"] + entry["bytes"]]
        words = from_planes(data)
        if zlib.crc32(words.tobytes()) != entry["crc32"]:
            raise ValueError(f"the recorded result of {name} is damaged")
        return words
