"""Files that are no networks, or bad ones: `corrupted(seed)` -> (what is wrong with it, the bytes), the same each time.

Those of `ATTACKS` come first, one by one; after them, truncated and bit-flipped copies of valid networks without end.
Whoever reads one must answer with an error that a user can read, in bounded time and memory. `MAY_LOAD` are strange but
have a meaning; so do some of the flipped ones.
"""

from __future__ import annotations

from functools import cache

import numpy as np

# the order is that of the numbers of attacks
from . import hostile_graphs, hostile_sizes, hostile_values  # noqa: F401  they register their attacks
from .fuzz_networks import random_network
from .hostile_base import ATTACKS, valid

MAY_LOAD = {
    # numbers that are odd, and finite
    "subnormal scale",
    "huge scale",
    "huge variance",
    "zero point of a half",
    "zero point out of range",
    "weights beyond 2^100",
    "biases beyond 64 bits",
    "biases of 1e-40",
    "biases of an integer type",
    "a Clip of crossed limits",
    "a Pow of a half",
    # attributes that are not false, so true
    "activation.signed = 7",
    "activation.signed = -1",
    "activation.narrow = 7",
    "gemm.transB = 9",
    "gemm.alpha = 0.0",
    # what nothing depends on
    "an input of no samples",
    "a batch of a million",
    "an input of type INT8",
    "an input of type BFLOAT16",
    "an output of another shape",
    "the same output twice",
    "a name of a million characters",
    "a name that climbs",
    "raw and plain data",
    "no opsets",
    "opset 1",
    "opset 9999",
    f"opset {2**62}",
    *(f"QONNX version {version}" for version in (0, -1, 9999, 2**62)),
    "a version of the format of 2^60",
    "a version of the format of 0",
    # many, and sound
    "1e5 nodes of Identity",
    "2e4 nodes of Neg",
    "3e3 nodes of Sigmoid",
    "a tensor added to itself 200 times",
}


@cache
def _victims() -> tuple[bytes, ...]:
    """Valid files to damage."""
    return (valid().SerializeToString(), *(random_network(seed).SerializeToString() for seed in range(12)))


def _truncated(seed: int) -> tuple[str, bytes]:
    rng = np.random.default_rng([seed, 1])
    victim = _victims()[int(rng.integers(len(_victims())))]
    cut = int(rng.integers(1, len(victim)))
    return f"cut at {cut} of {len(victim)}", victim[:cut]


def _flipped(seed: int) -> tuple[str, bytes]:
    rng = np.random.default_rng([seed, 2])
    victim = bytearray(_victims()[int(rng.integers(len(_victims())))])
    places = sorted(int(at) for at in rng.integers(0, len(victim), int(rng.integers(1, 9))))
    for at in places:
        victim[at] ^= 1 << int(rng.integers(8))
    return f"bits flipped at {places}", bytes(victim)


def corrupted(seed: int) -> tuple[str, bytes]:
    """The attack of this number; beyond them, a file cut off or with flipped bits."""
    names = list(ATTACKS)
    if seed < len(names):
        model = valid()
        answer = ATTACKS[names[seed]](model)
        return names[seed], answer if isinstance(answer, bytes) else model.SerializeToString()
    return (_truncated if seed % 2 else _flipped)(seed)


__all__ = ["ATTACKS", "MAY_LOAD", "corrupted", "valid"]
