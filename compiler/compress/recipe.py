"""Recipe: what to make of a network, in a few words. Every published method is one of these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, NamedTuple, Self

from ..errors import IntaglioError
from .checking import near, one_of
from .methods import METHODS
from .settings import Settings

_FIELDS = {one.name: one for one in fields(Settings)}


class Described(NamedTuple):
    """A field of a recipe, its value, and where the value comes from."""

    field: str
    value: Any
    source: str


@dataclass(frozen=True, init=False, eq=False)
class Recipe:
    """A method by name, and what is to be different from it.

        Recipe("admm", keep={"conv1": 0.2, "fc1": 0.01}, codebook="cluster")

    Args:
        method: a name of `methods.py`: layerwise, one-shot, stepwise, fairgrape, qap, rate-distortion, admm,
            admm-progressive, admm-binary, admm-cluster, admm-structured, admm-tiles, djpq, djpq-pow2,
            blind-adversarial, transfer-mask, taylor, bit-shift; or `float`: the network as it is, neither pruned nor
            quantised (the reference to compare with).
        structure: what stands or falls together: `channel` (coupled through the network), `filter` (a layer's row),
            `shape` (a column of its GEMM view), `tile` (a block of it), `element` (single weights), `block` (2x2 pixels
            of a feature map, all channels of it), `channel-block` (channels, then blocks).
        score: what a group is worth, a name of `scores/`.
        driver: when masks are made, a name of `drivers/`; `progressive(driver)`, a chain of `stages` budgets;
            or `easiest-first(driver)`, in which weights are set on levels in `stages` rounds.
        projections: how a mask is made from scores (`top-k`, `fair-greedy`, `cumulative-mass`, `threshold`), and
            whether weights are then set on their codebook's `levels`.
        scope: whether every layer has its own budget (`layer`), or all share one (`global`).
        keep: the share of groups that stays, in every layer, or by layer name (`{"conv1": 0.25}`; a layer that is not
            named stays whole; blocks go by the name of their feature map).
        threshold: the score from which on a group stays, for the projection of that name.
        tile: rows and columns of a tile.
        groups: the class group of each label, for the score `class-groups`.
        start_epoch: epochs of the pruning phase before the first layer is touched (t0).
        layer_epochs: epochs during which a layer is watched and its mask may change (delta).
        refreshes: how often `layerwise` renews a layer's mask within layer_epochs.
        stages: how many steps `stepwise`, `cubic`, `iterative`, `progressive` and `easiest-first` take.
        round_keep: the share of what is left that stays after each round of `iterative`, instead of `stages`.
        ramp: the share of the pruning phase in which `cubic`, `iterative`, `admm` and `relaxed` work.
        updates: of target and multipliers in one run of `admm`.
        rho, rho_growth: weight of ADMM's quadratic term, and its factor at every update.
        shares: shares of the epochs that go to training in float, pruning, quantised training, and training with
            frozen scales. A share of 0 leaves the phase out (`shares[0] = 0` for a network that comes trained).
        prune_quantised: whether quantisers are already on while masks are made.
        recovery: after a mask is made, `retrain` as weights are, `rewind` them, or `re-initialise` them.
        rewind_epoch: the epoch whose weights `rewind` goes back to.
        weight_bits, act_bits: width of weights and of activations between layers, 1 to 8; or by name of the layer or
            tensor, `"*"` for all others. One bit of weight is {-1, +1}. Of a layer that is named, `weight_bits` may
            list the widths, 2 to 8, of its output channels one by one: `{"conv1": [4, 4, 2]}`.
        input_bits: width of the network's inputs, 1 to 8.
        output_bits: width of the network's outputs; None leaves them as accumulators of one scale.
        scales: `dyadic` (small integer / 2^n) or `power-of-two` (every rescaling is a shift).
        codebook: levels of the weights: `uniform`, `power-of-two`, `binary`, `cluster` (2^weight_bits centroids),
            `conductance` (0, or at least `conductance` of the largest).
        ranges: where steps come from: `running` statistics, `search`, `shift` or `learned`.
        bit_choices: the widths that are learned from; empty: widths are given.
        gate_log_variance: log sigma^2 that noisy gates start from.
        temperature: of the sigmoid behind a hard gate.
        rerandomise: steps after which weights are drawn anew while gates learn; 0: never.
        l1: weight of sum|w|. gate_weight: of the gates' regulariser. bops_weight: of BOPs, as a share of those of the
            whole network at 8 bits.
        adversarial: share of the loss that is taken on adversarial samples, of `adversarial_steps` DeepFool steps.
        weight_noise: standard deviation of multiplicative noise on weights while training.
        seed: of everything random in `fit`.

    Raises:
        IntaglioError: for an unknown method, field or value, with the nearest that exists.
    """

    method: str
    given: Mapping[str, Any]
    settings: Settings = field(repr=False, init=False)

    def __init__(self, method: str = "layerwise", given: Mapping[str, Any] | None = None, **overrides: Any) -> None:
        one_of(METHODS)("method", method)
        given = {**(given or {}), **overrides}
        for key in given:
            if key not in _FIELDS:
                raise IntaglioError(f"a recipe has no {key!r}", where="recipe", hint=near(key, ["method", *_FIELDS]))
        preset = {name: value for name, (value, _) in METHODS[method].items()}
        object.__setattr__(self, "method", method)
        object.__setattr__(self, "given", given)
        object.__setattr__(self, "settings", Settings(**{**preset, **given}))

    def __getattr__(self, name: str) -> Any:
        if name in _FIELDS:
            return getattr(self.settings, name)
        raise AttributeError(name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Recipe) and (self.method, self.settings) == (other.method, other.settings)

    def __hash__(self) -> int:
        return hash((self.method, repr(self.settings)))

    def share_kept(self, layer: str) -> float:
        """The share of a layer's groups that stays."""
        if self.method == "float":
            return 1.0
        return self.keep.get(layer, 1.0) if isinstance(self.keep, Mapping) else self.keep

    @property
    def shares_kept(self) -> tuple[float, ...]:
        """The shares that are named."""
        return tuple(self.keep.values()) if isinstance(self.keep, Mapping) else (self.keep,)

    @property
    def prunes(self) -> bool:
        return self.method != "float" and (
            self.projections[0] == "threshold" or any(share < 1 for share in self.shares_kept)
        )

    @property
    def compresses(self) -> bool:
        """Whether there is something for the pruning phase to do: groups to take, or weights to set on levels."""
        return self.prunes or (self.method != "float" and ("levels" in self.projections or bool(self.bit_choices)))

    def bits_of(self, what: str, name: str) -> Any:
        """The width that `weight_bits` or `act_bits` gives to a layer or tensor; or those of a layer's channels."""
        bits = getattr(self, what)
        return bits.get(name, bits.get("*", 8)) if isinstance(bits, Mapping) else bits

    @property
    def widest_act_bits(self) -> int:
        return max(self.act_bits.values(), default=8) if isinstance(self.act_bits, Mapping) else self.act_bits

    def override(self, **changes: Any) -> Recipe:
        """The same recipe but for `changes`; with a `method`, what was given beside the method still holds."""
        return replace(self, **changes)

    def describe(self) -> list[Described]:
        """Every field with its value and its source: given, the method's, or the default's."""
        rows = []
        for name, one in _FIELDS.items():
            source = METHODS[self.method].get(name, (None, one.metadata["source"]))[1]
            rows.append(Described(name, getattr(self, name), "given" if name in self.given else source))
        return rows

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The recipe that a TOML table holds. Raises IntaglioError where a key is unknown."""
        values = dict(values)
        return cls(values.pop("method", "layerwise"), values)

    def to_dict(self) -> dict[str, Any]:
        """The method and what was given beside it, as plain values for TOML and JSON; `from_dict` reads them back."""
        return {"method": self.method, **{key: _plain(value) for key, value in self.given.items()}}

    def resolved(self) -> dict[str, Any]:
        """Every field, as plain values: what a checkpoint or a report keeps."""
        return {"method": self.method, **{key: _plain(value) for key, value in asdict(self.settings).items()}}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    return list(value) if isinstance(value, tuple) else value
