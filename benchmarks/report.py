"""A file of results: when, where and with what they were measured, and a record
for each line.

It is written after every record, through a file beside it, so that a run that is
cut short keeps what it has and `--resume` goes on from there.
"""

import datetime
import json
import os
import subprocess


def find_versions():
    """The driver's, PyTorch's and its CUDA's; None for what is not there."""
    try:
        import torch

        found = dict(torch=torch.__version__, cuda=torch.version.cuda)
    except ImportError:
        found = dict(torch=None, cuda=None)
    try:
        done = subprocess.run(
            ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"],
            capture_output=True,
            text=True,
        )
        found["driver"] = done.stdout.strip().split("\n")[0] or None
    except OSError:
        found["driver"] = None
    return found


#: cuBLAS in the activations' own type, that of which a record has a time.
BASELINES = ("bf16", "f16")


def find_baseline(record):
    """What cuBLAS takes for a record's product in 16-bit floats: microseconds, or why
    it did not run; None where it was not asked."""
    times = (record["peers"].get(name) for name in BASELINES)
    return next((time for time in times if time is not None), None)


class Report:
    """Records of one run of one commit's artifacts on one GPU."""

    def __init__(self, path, gpu, commit, method, resume=False):
        self.path = path
        self.report = dict(
            date=datetime.datetime.now(datetime.timezone.utc).isoformat(),
            gpu=gpu,
            **find_versions(),
            commit=commit,
            method=method,
            results=[],
        )
        if resume and path and os.path.exists(path):
            self._take_over()

    def _take_over(self):
        with open(self.path) as file:
            old = json.load(file)
        for field in ("gpu", "driver", "torch", "commit"):
            if old.get(field) != self.report[field]:
                raise SystemExit(
                    f"{self.path}: cannot go on: its {field} is {old.get(field)}, "
                    f"this run's {self.report[field]}"
                )
        self.report = old

    @property
    def results(self):
        return self.report["results"]

    def find(self, **fields):
        """The record with these fields, or None."""
        for record in self.results:
            if all(record.get(name) == value for name, value in fields.items()):
                return record
        return None

    def add(self, record):
        self.results.append(record)
        self.write()

    def write(self):
        if not self.path:
            return
        beside = f"{self.path}.part"
        with open(beside, "w") as file:
            json.dump(self.report, file, indent=1)
        os.replace(beside, self.path)
