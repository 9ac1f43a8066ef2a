"""Why 8 bits a token cost the encoder what they do.

    activations.py [--json FILE]

Textbook quantization, simulated in NumPy's float64 and by nothing of this project:
weights to int8 per output channel, inputs to int8 per token, symmetric or with a
zero point. Prints the loss (1 - mean cosine of the embeddings) where all linear
layers do so, where weights alone do, and where inputs of one kind of layer do; and
of each layer's inputs how far the largest magnitude of a token is from its root
mean square, and how often it is in one and the same channel.
"""

import argparse
import json
import pathlib

import numpy as np
from accuracy import Float, compare, describe_run, write_json
from encoder import Encoder
from sentences import split_sentences

KINDS = {"query": "attention.self.query", "key": "attention.self.key",
         "value": "attention.self.value", "attention output": "attention.output",
         "first of FFN": "intermediate", "second of FFN": "output.dense"}


def kind_of(name):
    return next(kind for kind, part in KINDS.items() if part in name)


def symmetric(rows):
    scale = np.abs(rows).max(axis=1, keepdims=True) / 127
    scale[scale == 0] = 1
    return np.clip(np.rint(rows / scale), -128, 127) * scale


def asymmetric(rows):
    low = np.minimum(rows.min(axis=1, keepdims=True), 0)
    scale = (np.maximum(rows.max(axis=1, keepdims=True), 0) - low) / 255
    scale[scale == 0] = 1
    zero = np.rint(-low / scale)
    return (np.clip(np.rint(rows / scale) + zero, 0, 255) - zero) * scale


class Simulated:
    """The layers with int8 weights, and inputs of some kinds through `quantize`."""

    def __init__(self, linears, kinds, quantize):
        self._linears = {name: (symmetric(w.astype(np.float64)), b)
                         for name, (w, b) in linears.items()}
        self._kinds, self._quantize = kinds, quantize

    def __call__(self, name, x):
        weight, bias = self._linears[name]
        x = x.astype(np.float64)
        if kind_of(name) in self._kinds:
            x = self._quantize(x)
        return (x @ weight.T + bias).astype(np.float32)


class Peaks:
    """The layers as they are; looks at where tokens have their largest channel."""

    def __init__(self, linears):
        self._linears, self.found = linears, {}

    def __call__(self, name, x):
        magnitude = np.abs(x)
        ratio = magnitude.max(axis=1) / np.sqrt((x.astype(np.float64) ** 2).mean(axis=1))
        counts = np.bincount(magnitude.argmax(axis=1))
        self.found[name] = {
            "channels": x.shape[1], "median": float(np.median(ratio)),
            "worst": float(ratio.max()), "channel": int(counts.argmax()),
            "share": float(counts.max() / len(x))}
        weight, bias = self._linears[name]
        return x @ weight.T + bias


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--sentences", type=int, default=256)
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    options.device, options.calibration = "cpu", 512
    encoder = Encoder()
    _, sentences = split_sentences(options.calibration, options.sentences)
    exact = encoder.run(sentences, Float(encoder.linears))
    losses = {}
    for what, kinds, quantize in (
            ("weights alone", (), symmetric), ("all", tuple(KINDS), symmetric),
            ("all, asymmetric", tuple(KINDS), asymmetric),
            *((f"inputs of {kind}", (kind,), symmetric) for kind in KINDS)):
        layers = Simulated(encoder.linears, kinds, quantize)
        losses[what] = compare(encoder.run(sentences, layers), exact)
        print(f"{what:28} loss {losses[what]['loss']:.2e}, worst cosine "
              f"{losses[what]['worst']:.4f}", flush=True)
    peaks = Peaks(encoder.linears)
    encoder.run(sentences, peaks)
    for name, peak in peaks.found.items():
        print(f"{name:32} max|x| over rms: median {peak['median']:5.1f}, worst "
              f"{peak['worst']:5.1f} of sqrt(K) {peak['channels'] ** 0.5:.1f}; in channel "
              f"{peak['channel']} of {100 * peak['share']:.0f} % of the tokens")
    if options.json:
        write_json(options.json, {**describe_run(options, encoder),
                                  "simulated": losses, "peaks": peaks.found})


if __name__ == "__main__":
    main()
