"""Attacks by numbers that no quantiser or layer can have, and by attributes that mean nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import ModelProto, helper, numpy_helper

from .hostile_base import Change, attack, initialiser, node, put

# numbers that no quantiser or layer can have


def _put(name: str, values: Any) -> Change:
    return lambda model: put(model, name, values)


def _fill(name: str, value: float) -> Change:
    def change(model: ModelProto) -> None:
        array = numpy_helper.to_array(initialiser(model, name)).copy()
        array.reshape(-1)[0] = value
        put(model, name, array)

    return change


F = np.float32
for value in (np.nan, np.inf, -np.inf):
    for name in ("s", "z", "b", "w", "gamma", "beta", "mean", "var", "v", "bias"):
        attack(f"{value} in {name}", _fill(name, value))
for name, value in {
    "scale of zero": ("s", F(0)),
    "negative scale": ("s", F(-0.125)),
    "subnormal scale": ("s", F(1e-45)),
    "huge scale": ("s", F(3e38)),
    "negative variance": ("var", np.full(4, -1, F)),
    "huge variance": ("var", np.full(4, 3e38, F)),
    "zero point of a half": ("z", F(0.5)),
    "zero point out of range": ("z", F(1e9)),
    "bit width 0": ("b", F(0)),
    "bit width -1": ("b", F(-1)),
    "bit width 65": ("b", F(65)),
    "bit width 1e9": ("b", F(1e9)),
    "bit width of 3.5": ("b", F(3.5)),
    "bit width of an integer type": ("b", np.int64(2**62)),
    "two bit widths": ("b", np.array([4, 2], F)),
    "no bit width": ("b", np.zeros(0, F)),
    "no scale": ("s", np.zeros(0, F)),
    "scales of a wrong count": ("s", np.full((1, 3, 1, 1), 0.125, F)),
    "scales of five axes": ("s", np.full((1, 1, 1, 1, 1, 1), 0.125, F)),
    "one scale of zero among several": ("s", np.array([0.125, 0, 0.125, 0.125], F).reshape(1, 4, 1, 1)),
    "scale of complex numbers": ("s", np.complex64(1)),
    "scale of booleans": ("s", np.asarray(True)),
    "weights of strings": ("v", np.full((3, 64), "no", object)),
    "weights beyond 2^100": ("v", np.full((3, 64), 1e30, F)),
    "biases beyond 64 bits": ("bias", np.full(3, 3e38, F)),
    "biases of 1e-40": ("bias", np.full(3, 1e-40, F)),
    "weights of the wrong inner size": ("v", np.ones((3, 63), F)),
    "weights of one axis": ("v", np.ones(64, F)),
    "weights of no axis": ("v", F(1)),
    "weights of five axes": ("w", np.ones((4, 2, 3, 3, 1), F)),
    "kernels of the wrong channels": ("w", np.ones((4, 5, 3, 3), F)),
    "kernels without outputs": ("w", np.ones((0, 2, 3, 3), F)),
    "kernels of size zero": ("w", np.ones((4, 2, 0, 3), F)),
    "gammas of the wrong count": ("gamma", np.ones(7, F)),
    "biases of the wrong count": ("bias", np.ones((2, 2), F)),
    "biases of an integer type": ("bias", np.full(3, 2**62, np.int64)),
}.items():
    attack(name, _put(*value))


# attributes that mean nothing


def _attribute(at: str, name: str, value: Any) -> Change:
    def change(model: ModelProto) -> None:
        holder = node(model, at)
        kept = [each for each in holder.attribute if each.name != name]
        del holder.attribute[:]
        holder.attribute.extend([*kept, helper.make_attribute(name, value)])

    return change


for at, name, values in [
    ("conv", "kernel_shape", [[9, 9], [0, 3], [-1, 3], [3], [3, 3, 3], 3, "three", 2.5, [2**62, 3]]),
    ("conv", "pads", [[1, 1], [-9, -9, -9, -9], [2**40] * 4, "all", [2**63 - 1] * 4]),
    ("conv", "strides", [[0, 1], [-1, 1], [2**40, 1], [1], 1.5]),
    ("conv", "dilations", [[0, 1], [-3, 1], [2**50, 1]]),
    ("conv", "group", [0, -1, 3, 2**31, "two", [1, 2]]),
    ("conv", "auto_pad", ["SAME_SIDEWAYS", 4]),
    ("norm", "epsilon", [float("nan"), -5.0, float("inf"), "small"]),
    ("norm", "training_mode", [1]),
    ("activation", "rounding_mode", ["SIDEWAYS", "", 3, 2.5, b"\xff\xfe"]),
    ("activation", "signed", [7, -1, "yes", 0.5]),
    ("activation", "narrow", [7, "no"]),
    ("activation", "colour", ["blue"]),
    ("flatten", "axis", [9, -9, "last", 2**40]),
    ("gemm", "alpha", [float("nan"), float("inf"), 0.0, "one"]),
    ("gemm", "transB", [0, 9, "yes"]),
    ("gemm", "transA", [1]),
]:
    for value in values:
        attack(f"{at}.{name} = {value!r}"[:70], _attribute(at, name, value))
