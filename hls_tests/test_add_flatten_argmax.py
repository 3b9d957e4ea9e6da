"""add, flatten and argmax: HLS and RTL at many folds, against `run`."""

from pathlib import Path

from harness import Case, check
from intaglio.ir import IntType, Kernel, TensorType
from intaglio.ops import Add, Argmax, Flatten


def tensor(*shape: int, lo: int = 0, hi: int = 15) -> TensorType:
    return TensorType.integer(shape, lo, hi)


def bipolar(*shape: int) -> TensorType:
    return TensorType(shape, IntType(True, 1), (-1,) * shape[-1], (1,) * shape[-1])


def loose(*shape: int, lo: int, hi: int) -> TensorType:
    """Of a type wider than its bounds."""
    return TensorType(shape, IntType(True, 8), (lo,) * shape[-1], (hi,) * shape[-1])


ADDS = [
    (tensor(2, 2, 5, lo=-8, hi=7), tensor(2, 2, 5), 2),
    (tensor(37, hi=1), tensor(37, hi=255), 4),
    (tensor(3, lo=-8, hi=7), tensor(3, lo=-8, hi=7), 3),
    (tensor(3, hi=7), tensor(3), 1),
    (tensor(1, lo=-9, hi=-5), tensor(1, lo=2, hi=3), 1),
    (bipolar(3), bipolar(3), 2),
    (bipolar(3), tensor(3, hi=3), 3),
    (loose(4, lo=0, hi=3), loose(4, lo=-1, hi=1), 2),
]
FLATTENS = [
    (tensor(2, 2, 6, lo=-8, hi=7), 2),
    (tensor(2, 3, 4), 1),
    (tensor(3, 1, 5, hi=1), 5),
    (bipolar(2, 2, 3), 3),
    (loose(2, 2, 2, lo=0, hi=7), 1),
]
ARGMAXES = [
    (tensor(10, lo=-128, hi=127), 10),
    (tensor(10, lo=-2, hi=2), 4),
    (tensor(10, hi=3), 3),
    (tensor(10, lo=-99, hi=99), 1),
    (tensor(1, hi=3), 1),
    (tensor(2, hi=1), 2),
    (bipolar(7), 4),
    (bipolar(7), 7),
    (tensor(37, lo=-4, hi=3), 4),
    (tensor(37, lo=-4, hi=3), 37),
    (tensor(37, lo=-200, hi=-190), 19),
    (tensor(300, hi=1), 260),
]


def test_add_flatten_and_argmax_at_many_folds(tmp_path: Path) -> None:
    cases = [Case(f"add{k}", Add(), Kernel(n, n), (a, b)) for k, (a, b, n) in enumerate(ADDS)]
    cases += [Case(f"flatten{k}", Flatten(), Kernel(n, n), (x,)) for k, (x, n) in enumerate(FLATTENS)]
    cases += [Case(f"argmax{k}", Argmax(), Kernel(simd=n), (x,)) for k, (x, n) in enumerate(ARGMAXES)]
    check(cases, tmp_path, frames=6)
