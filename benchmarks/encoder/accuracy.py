"""What quantization costs a real sentence encoder.

    accuracy.py [--device cuda] [--only PATTERN] [--json FILE]

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
import json
import pathlib
import re
import sys
import time

import numpy as np
import quantmlir
from encoder import Encoder
from quantmlir import weights as quantization
from recipes import RECIPES, Statistics, plant_outliers, quantize_layer
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
    """The layers as a recipe quantizes them, run from an artifact."""

    def __init__(self, recipe, linears, statistics, device="cpu", chip="sm_90a"):
        self._biases = {name: bias for name, (_, bias) in linears.items()}
        self.layers, self._planted = {}, {}
        for name, (weight, _) in linears.items():
            observed = statistics[name]
            if recipe.planted:
                self._planted[name], weight, observed = plant_outliers(weight, observed)
            self.layers[name] = quantize_layer(recipe, weight, observed)
        encodings = {layer.weights.shape: layer.weights.encoding
                     for layer in self.layers.values()}
        text = recipe.program(encodings)
        self.artifact = quantmlir.compile(text, chip=chip)
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
        n, k = layer.weights.shape
        y = self.artifact.run(f"linear_{n}x{k}", device=self._device, x=x,
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


def evaluate(recipe, encoder, statistics, sentences, exact, device="cpu"):
    """A result of one recipe: a dictionary, as accuracy.py --json keeps it."""
    start = time.monotonic()
    compiled = Compiled(recipe, encoder.linears, statistics, device)
    quantized = time.monotonic()
    result = compare(encoder.run(sentences, compiled), exact)
    layers = {name: {"objective": layer.objective,
                     "rounding": layer.rounding_objective,
                     "bytes": layer.nbytes}
              for name, layer in compiled.layers.items()}
    return {"recipe": recipe.name, "scheme": recipe.scheme,
            "method": recipe.method, "activations": recipe.activations,
            "bytes": sum(layer["bytes"] for layer in layers.values()), **result,
            "seconds": {"quantize": round(quantized - start, 2),
                        "run": round(time.monotonic() - quantized, 2)},
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


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--only", default="*", help="recipes, by name pattern")
    parser.add_argument("--sentences", type=int, default=256)
    parser.add_argument("--calibration", type=int, default=512)
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    recipes = [r for r in RECIPES if fnmatch.fnmatch(r.name, options.only)]
    if not recipes:
        parser.error(f"no recipe is called like '{options.only}'")
    encoder = Encoder()
    calibration, sentences = split_sentences(options.calibration, options.sentences)
    observed = Float(encoder.linears, observe=True)
    encoder.run(calibration, observed)
    exact = encoder.run(sentences, Float(encoder.linears))
    console = Console()
    results, failed = [], 0
    for recipe in track(recipes, "recipes", console=Console(stderr=True)):
        try:
            results.append(evaluate(recipe, encoder, observed.statistics,
                                    sentences, exact, options.device))
        except (ValueError, RuntimeError) as error:
            # One recipe that fails says so, and the others are still judged.
            print(f"error: {recipe.name}: {error}", file=sys.stderr)
            failed += 1
    console.print(make_table(results))
    if options.json:
        report = {"date": datetime.datetime.now(datetime.timezone.utc).isoformat(),
                  "device": options.device, "sentences": options.sentences,
                  "calibration": options.calibration,
                  "float_bytes": sum(w.nbytes for w, _ in encoder.linears.values()),
                  "results": results}
        partial = options.json.with_suffix(".partial")
        partial.write_text(json.dumps(report, indent=1) + "\n")
        partial.replace(options.json)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
