"""Recipe: what to make of a network, in a few words. Every published method is one of these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from difflib import get_close_matches
from math import isfinite
from typing import Any, Self

from ..errors import IntaglioError

SCALES = ("dyadic", "power-of-two")


@dataclass(frozen=True)
class Recipe:
    """A recipe; combine its parts freely.

    Args:
        method: when channels go: a driver of `drivers.py` (`layerwise`, `one-shot`, `stepwise`), or `float`: the
            network as it is, neither pruned nor quantised (the reference to compare with).
        keep: the share of channels that stay, in every hidden layer, or by layer name (`{"conv1": 0.25}`; a layer that
            is not named stays whole).
        weight_bits: width of the weights, 1 to 8. One bit is {-1, +1}.
        act_bits: width of the activations between layers, 1 to 8.
        input_bits: width of the network's inputs, 1 to 8.
        output_bits: width of the network's outputs; None leaves them as accumulators of one scale.
        scales: `dyadic` (small integer / 2^n) or `power-of-two` (every rescaling is a shift).
        score: how channels are ranked, a score of `scores.py`.
        start_epoch: epochs of the pruning phase before the first layer is touched (t0).
        layer_epochs: epochs during which a layer's channels are watched and its mask may change (delta).
        refreshes: how often a layer's mask is renewed within layer_epochs.
        stages: how many global steps `stepwise` takes.
        shares: shares of the epochs that go to training in float, pruning, quantised training, and training with
            frozen scales. A share of 0 leaves the phase out (`pretrain = 0` for a network that comes trained).
        seed: of everything random in `fit`.
    """

    method: str = "layerwise"
    keep: float | Mapping[str, float] = 0.5
    weight_bits: int = 4
    act_bits: int = 4
    input_bits: int = 8
    output_bits: int | None = None
    scales: str = "dyadic"
    score: str = "mean-abs-activation"
    start_epoch: float = 0.5
    layer_epochs: float = 0.125
    refreshes: int = 5
    stages: int = 4
    shares: tuple[float, float, float, float] = (0.4, 0.2, 0.25, 0.15)
    seed: int = 0

    def __post_init__(self) -> None:
        from .drivers import DRIVERS
        from .scores import SCORES

        _one_of("method", self.method, ("float", *DRIVERS))
        _one_of("scales", self.scales, SCALES)
        _one_of("score", self.score, tuple(SCORES))
        for name in ("weight_bits", "act_bits", "input_bits"):
            _whole(name, getattr(self, name), 1, 8)
        if self.output_bits is not None:
            _whole("output_bits", self.output_bits, 1, 32)
        _whole("refreshes", self.refreshes, 1, 10_000)
        _whole("stages", self.stages, 1, 10_000)
        _whole("seed", self.seed, 0, 2**31)
        shares = self.keep.items() if isinstance(self.keep, Mapping) else [("keep", self.keep)]
        for name, share in shares:
            if not _is_real(share) or not 0 < share <= 1:
                _refuse(f"keep = {share!r} of {name}", "a share of channels lies above 0 and at most at 1")
        for name in ("start_epoch", "layer_epochs"):
            if not _is_real(getattr(self, name)) or getattr(self, name) < 0:
                _refuse(f"{name} = {getattr(self, name)!r}", "it counts epochs: 0 or more")
        object.__setattr__(self, "shares", tuple(self.shares))
        if len(self.shares) != 4 or not all(_is_real(s) and s >= 0 for s in self.shares) or sum(self.shares) <= 0:
            _refuse(f"shares = {self.shares!r}", "four shares of the epochs: float, prune, quantise, frozen")

    def share_kept(self, layer: str) -> float:
        """The share of a hidden layer's channels that stays."""
        if self.method == "float":
            return 1.0
        return self.keep.get(layer, 1.0) if isinstance(self.keep, Mapping) else self.keep

    @property
    def prunes(self) -> bool:
        values = self.keep.values() if isinstance(self.keep, Mapping) else (self.keep,)
        return self.method != "float" and any(share < 1 for share in values)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The recipe that a TOML table holds. Raises IntaglioError where a key is unknown."""
        known = [field.name for field in fields(cls)]
        for key in values:
            if key not in known:
                near = get_close_matches(key, known, 1)
                hint = f"did you mean {near[0]}?" if near else f"a recipe has: {', '.join(known)}"
                raise IntaglioError(f"a recipe has no {key!r}", where="recipe", hint=hint)
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for TOML, JSON and checkpoints; `from_dict` reads them back."""
        return {key: _plain(value) for key, value in asdict(self).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, tuple) else value


def _is_real(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        _refuse(f"{name} = {value!r}", f"it is one of {', '.join(known)}")


def _whole(name: str, value: object, low: int, high: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        _refuse(f"{name} = {value!r}", f"a whole number from {low} to {high}")


def _refuse(what: str, hint: str) -> None:
    raise IntaglioError(f"{what} makes no sense", where="recipe", hint=hint)
