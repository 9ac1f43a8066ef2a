"""Real English sentences to calibrate on, and others to judge with.

They are the New York Times editorial sentences and the Amazon review snippets of
the VADER data set (C.J. Hutto and Eric Gilbert, ICWSM 2014; MIT license), which
the source package of vaderSentiment 0.5 on PyPI carries; scripts/setup.sh
fetches it. Nothing of it is kept in this repository.
"""

import io
import os
import pathlib
import random
import tarfile
import zipfile

_FILES = ("nytEditorialSnippets_GroundTruth.txt",
          "amazonReviewSnippets_GroundTruth.txt")


def find_package():
    """The source package; FileNotFoundError where setup.sh did not fetch it."""
    root = pathlib.Path(__file__).resolve().parents[2]
    venv = pathlib.Path(os.environ.get("QUANTMLIR_VENV", root / ".venv"))
    path = venv / "data" / "vaderSentiment-0.5.zip"
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing (scripts/setup.sh)")
    return path


def read_sentences(package):
    """All sentences of 5 to 60 words, in the package's order, none twice."""
    with zipfile.ZipFile(package) as outer:
        name = next(n for n in outer.namelist() if n.endswith(".tar.gz"))
        inner = io.BytesIO(outer.read(name))
    found = {}
    with tarfile.open(fileobj=inner) as tar:
        for member in tar.getmembers():
            if pathlib.PurePosixPath(member.name).name not in _FILES:
                continue
            text = tar.extractfile(member).read().decode("utf-8", "replace")
            for line in text.splitlines():
                sentence = line.split("\t")[-1].strip()
                if 5 <= len(sentence.split()) <= 60:
                    # The key undoes differences of case and spaces.
                    found.setdefault(" ".join(sentence.lower().split()), sentence)
    return list(found.values())


def split_sentences(calibration, evaluation, seed=0):
    """(calibration, evaluation): disjoint lists of that many sentences."""
    sentences = read_sentences(find_package())
    random.Random(seed).shuffle(sentences)
    if len(sentences) < calibration + evaluation:
        raise ValueError(f"there are {len(sentences)} sentences only")
    return sentences[:calibration], sentences[calibration:calibration + evaluation]
