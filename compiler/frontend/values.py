"""What a frontend knows of a tensor while it reads: where it is, the user's shape, and the order of its elements.

Inside, tensors are channels last: (C,) for (N, C); (1, L, C) for (N, C, L); (H, W, C) for (N, C, H, W). A transpose or
a reshape of the user's moves nothing at first: the value only remembers in what order its elements lie. An operator
that needs the usual order asks for it (`standard`), and only then something is emitted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

import numpy as np
import numpy.typing as npt

Order = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Value:
    """A tensor: its name in the graph, the user's shape (batch axis included), and the order of its elements.

    order: the user's flat position (in the user's shape without the batch axis) at each flat position inside; None
    where it is the usual one. inside: the shape that the tensor of that name has in the graph.
    """

    name: str
    shape: tuple[int, ...]
    order: Order | None = None
    inside: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not self.inside and len(self.shape) > 1:
            object.__setattr__(self, "inside", inner_shape(self.shape))

    @property
    def is_vector(self) -> bool:
        return len(self.shape) == 2

    @property
    def is_standard(self) -> bool:
        """Does it lie as tensors of its shape usually do?"""
        return self.order is None and self.inside == inner_shape(self.shape)

    @property
    def positions(self) -> Order:
        """`order`, spelled out."""
        return usual_order(self.shape) if self.order is None else self.order

    def transposed(self, axes: tuple[int, ...]) -> Value:
        """The user's transpose; axes as NumPy has them, the batch axis (0) first."""
        shape = tuple(self.shape[a] for a in axes)
        flat = np.arange(prod(self.shape[1:])).reshape(self.shape[1:]).transpose([a - 1 for a in axes[1:]]).ravel()
        back = np.empty_like(flat)
        back[flat] = np.arange(len(flat))  # old flat position -> new one
        return self._ordered(shape, back[self.positions])

    def reshaped(self, shape: tuple[int, ...]) -> Value:
        """The user's reshape: elements keep their flat position."""
        return self._ordered(shape, self.positions)

    def _ordered(self, shape: tuple[int, ...], order: Order) -> Value:
        usual = np.array_equal(order, usual_order(shape))
        return replace(self, shape=shape, order=None if usual else order)

    def to_standard(self) -> Order:
        """For each flat position of the usual order, the flat position inside where that element lies now."""
        place = np.empty(len(self.positions), np.int64)
        place[self.positions] = np.arange(len(place))
        return place[usual_order(self.shape)]


def inner_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape inside of a user's (N, ...): channels last, images of three axes, vectors of one."""
    if len(shape) == 2:
        return (shape[1],)
    if len(shape) == 3:
        return (1, shape[2], shape[1])
    if len(shape) == 4:
        return (shape[2], shape[3], shape[1])
    return (1, prod(shape[2:]), shape[1]) if len(shape) > 4 else (prod(shape[1:]),)


def usual_order(shape: tuple[int, ...]) -> Order:
    """The user's flat position at each flat position inside, as tensors of that shape usually lie."""
    if len(shape) < 3:
        return np.arange(prod(shape[1:]))
    return np.moveaxis(np.arange(prod(shape[1:])).reshape(shape[1:]), 0, -1).ravel()
