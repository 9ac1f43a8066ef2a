"""A real sentence encoder, quantized, run from its artifacts, on a few sentences."""

import pathlib
import sys

import numpy as np
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]
                       / "benchmarks" / "encoder"))

import accuracy  # noqa: E402
import recipes  # noqa: E402
import sentences as data  # noqa: E402
from encoder import Encoder, erf  # noqa: E402


@pytest.fixture(scope="module")
def model():
    return accuracy.Judge(Encoder(), *data.split_sentences(160, 16))


def judge(model, recipe):
    return model.evaluate(recipe)


def test_sentences_are_disjoint_and_none_twice():
    calibration, evaluation = data.split_sentences(512, 256)
    assert len(set(calibration) | set(evaluation)) == 512 + 256
    assert (calibration, evaluation) == data.split_sentences(512, 256)


def test_float_model_knows_what_is_alike():
    encoder = Encoder()
    # The model's card gives these sentences as alike and not.
    a, b, c = encoder.run(["A man is eating food.", "A man is eating a piece of bread.",
                           "A cheetah is running behind its prey."],
                          accuracy.Float(encoder.linears))
    assert a @ b > 0.7
    assert abs(a @ c) < 0.25


def test_erf():
    import math
    x = np.linspace(-6, 6, 1001, dtype=np.float32)
    assert np.abs(erf(x) - [math.erf(v) for v in x]).max() < 5e-7


def test_ranks_of_ties_are_averages():
    assert accuracy.ranks(np.array([3.0, 1.0, 3.0, 2.0])).tolist() == [3.5, 1, 3.5, 2]


def test_int8_weights(model):
    result = judge(model, recipes.Recipe("", recipes.INT8))
    assert result["cosine"] > 0.999
    assert result["spearman"] > 0.998
    # A byte a weight and four a channel.
    assert result["bytes"] == 6 * (4 * 384 * 384 + 2 * 384 * 1536
                                   + 4 * (5 * 384 + 1536))


def test_gptq_recovers_half_of_the_loss_of_rounding(model):
    scheme = "int4,group=32,asymmetric"
    rounding = judge(model, recipes.Recipe("", scheme))
    result = judge(model, recipes.Recipe("", scheme, "gptq"))
    assert result["loss"] < 0.5 * rounding["loss"]
    assert all(layer["objective"] < layer["rounding"]
               for layer in result["layers"].values())


def test_smoothquant_undoes_planted_outliers(model):
    static = judge(model, recipes.Recipe("", recipes.INT8, activations="int8 static"))
    planted = recipes.Recipe("", recipes.INT8, activations="int8 static",
                             planted=True)
    smooth = recipes.Recipe("", recipes.INT8, activations="int8 static",
                            smooth="search", planted=True)
    assert judge(model, planted)["loss"] > 2 * static["loss"]
    assert judge(model, smooth)["loss"] < 1.2 * static["loss"]
