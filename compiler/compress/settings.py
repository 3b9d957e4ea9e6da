"""Settings: every field of a recipe, with its default, its check and where the default comes from.

Sources are the rows of `methods.md`'s table of systems: (1) Zhang, Colbert, Das 2022; (2) SpQuant-SNN; (3) FairGRAPE;
(4) Hawks et al.; (5) Gao et al.; (6) ADMM-NN; (7) DJPQ; (8) blind adversarial pruning; (10) Colombo, Gao; (11) Yu et
al.; (12) Geng et al.; (13) Ye 2019; (14) Ye 2018; (15) Yuan et al.; (16) Zhang 2018; (17) Ye 2018; (18) StructADMM.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from . import checking as c
from .drivers import DRIVERS, driver_of
from .projections import PROJECTIONS, SELECTIONS
from .quantisers import CODEBOOKS, RANGES
from .recovery import RECOVERIES
from .scores import SCORES
from .structures import STRUCTURES

Widths = int | tuple[int, ...]
SCALES = ("dyadic", "power-of-two")
SCOPES = ("layer", "global")
OURS = "ours"


def _driver(name: str, value: Any) -> None:
    if not isinstance(value, str) or driver_of(value) is None:
        c.refuse(f"{name} = {value!r}", f"{c.near(value, DRIVERS)}; or progressive(...), easiest-first(...) around one")


def _shares(name: str, value: Any) -> None:
    if (
        not isinstance(value, tuple)
        or len(value) != 4
        or not all(c.is_real(s) and s >= 0 for s in value)
        or sum(value) <= 0
    ):
        c.refuse(f"{name} = {value!r}", "four shares of the epochs: float, prune, quantise, frozen")


def _projections(name: str, value: Any) -> None:
    c.several(c.one_of(PROJECTIONS), 1, 2)(name, value)
    if value[0] not in SELECTIONS or (len(value) == 2 and value[1] != "levels"):
        c.refuse(f"{name} = {value!r}", f"one of {', '.join(SELECTIONS)}, and then levels or nothing")


def _groups(name: str, value: Any) -> None:
    c.several(c.whole(0, 10_000), 1, 100_000)(name, value)


def _of(default: Any, check: c.Check, source: str) -> Any:
    return field(default=default, metadata={"check": check, "source": source})


_epochs = c.real(0, hint="it counts epochs: 0 or more")
_bits = c.whole(1, 8)
_by_layer = c.by_layer(c.one_or_several(_bits, c.whole(2, 8)))


def _weight_bits(name: str, value: Any) -> None:
    """A width; or by layer a width, or those of its output channels one by one."""
    _by_layer(name, value) if isinstance(value, Mapping) else _bits(name, value)


def _without_lists(value: Any) -> Any:
    """Lists, as TOML has them, as tuples."""
    if isinstance(value, Mapping):
        return {key: _without_lists(one) for key, one in value.items()}
    return tuple(value) if isinstance(value, list) else value


@dataclass(frozen=True)
class Settings:
    """What a recipe says, field by field; the defaults are those of the main method (1), or do nothing."""

    # what goes
    structure: str = _of("channel", c.one_of(STRUCTURES), "(1) whole channels, coupled; (2) 2x2 spatial blocks [A]")
    score: str = _of("mean-abs-activation", c.one_of(SCORES), "(1) running mean of |a|")
    driver: str = _of("layerwise", _driver, "(1) front to back, layers before already pruned")
    projections: tuple[str, ...] = _of(("top-k",), _projections, "(1) the best by score")
    scope: str = _of("layer", c.one_of(SCOPES), "(1) the same sparsity in each layer")
    keep: float | Mapping[str, float] = _of(0.5, c.by_layer(c.share_of("channels")), "(1) sparsity 0.5 or 0.75")
    threshold: float = _of(1.0, c.real(0), "(7) VIBNet's gates go where mu^2 < sigma^2")
    tile: tuple[int, int] = _of((4, 4), c.several(c.whole(1, 4096), 2, 2), f"{OURS}: PE x SIMD of a folded kernel")
    groups: tuple[int, ...] | None = _of(None, c.or_none(_groups), "(3) a class group for each label; None: itself")
    # when
    start_epoch: float = _of(0.5, _epochs, "(1) t0 on CIFAR-100")
    layer_epochs: float = _of(0.125, _epochs, "(1) delta on CIFAR-100")
    refreshes: int = _of(5, c.whole(1, 10_000), "(1) a mask is renewed every 0.025 epochs within delta")
    stages: int = _of(4, c.whole(1, 10_000), OURS)
    round_keep: float | None = _of(None, c.or_none(c.real(0.01, 0.999)), f"{OURS}: rounds are counted by `stages`")
    ramp: float = _of(0.8, c.share_of("the pruning phase"), f"{OURS}: the rest of the phase recovers")
    updates: int = _of(10, c.whole(1, 10_000), f"{OURS}: of Z and U in one ADMM run")
    rho: float = _of(1e-3, c.real(0), "(17) 1.5e-3 to 3e-3 on LeNet-5")
    rho_growth: float = _of(1.3, c.real(1), "(16) rho may grow, x1.3 an update")
    shares: tuple[float, float, float, float] = _of((0.4, 0.2, 0.25, 0.15), _shares, OURS)
    prune_quantised: bool = _of(False, c.true_or_false, "(1) quantise after pruning")
    recovery: str = _of("retrain", c.one_of(RECOVERIES), "(1) training goes on under the mask")
    rewind_epoch: float = _of(0.0, _epochs, f"{OURS}: the weights that training started from")
    # what is left becomes
    weight_bits: int | Mapping[str, Widths] = _of(4, _weight_bits, "(1) W4A4")
    act_bits: int | Mapping[str, int] = _of(4, c.by_layer(_bits), "(1) W4A4")
    input_bits: int = _of(8, _bits, OURS)
    output_bits: int | None = _of(None, c.or_none(c.whole(1, 32)), OURS)
    scales: str = _of("dyadic", c.one_of(SCALES), f"{OURS}: small integers / 2^n")
    codebook: str = _of("uniform", c.one_of(CODEBOOKS), "(1) uniform, symmetric")
    ranges: str = _of("running", c.one_of(RANGES), "(1) running statistics")
    conductance: float = _of(0.1, c.real(0, 1), "(15) G_min / G_max of a memristor")
    bit_choices: tuple[int, ...] = _of((), c.several(_bits), "(1) widths are given, not learned")
    # gates
    gate_log_variance: float = _of(-4.0, c.real(-20, 5), "(7) pilot: -9 never closes a gate")
    temperature: float = _of(1.0, c.real(1e-6), "(10) the soft gradient of a hard mask")
    rerandomise: int = _of(0, c.whole(0, 1_000_000), f"{OURS}: weights are kept")
    # losses
    l1: float = _of(0.0, c.real(0), f"{OURS}: none")
    gate_weight: float = _of(0.0, c.real(0), f"{OURS}: none")
    bops_weight: float = _of(0.0, c.real(0), f"{OURS}: none")
    adversarial: float = _of(0.0, c.real(0, 1), f"{OURS}: none")
    adversarial_steps: int = _of(1, c.whole(1, 50), "(8) one DeepFool step")
    weight_noise: float = _of(0.0, c.real(0, 1), f"{OURS}: none")
    seed: int = _of(0, c.whole(0, 2**31), OURS)

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            object.__setattr__(self, one.name, value := _without_lists(value))
            one.metadata["check"](one.name, value)
        by_channel = isinstance(self.weight_bits, Mapping) and any(
            isinstance(one, tuple) for one in self.weight_bits.values()
        )
        if by_channel and (self.codebook != "uniform" or self.ranges not in ("running", "search") or self.bit_choices):
            c.refuse(
                "weight_bits by channel with these levels",
                'it goes with codebook = "uniform", with ranges = "running" or "search", and without bit_choices',
            )
        if STRUCTURES[self.structure].blocks:
            self._check_blocks()
        if self.bit_choices and self.codebook != "uniform":
            c.refuse(f"bit_choices with codebook = {self.codebook!r}", "widths are learned of the uniform codebook")

    def _check_blocks(self) -> None:
        """Raises IntaglioError where blocks of pixels, which have no weights, are to be ranked or drawn by some."""
        what = f"structure = {self.structure!r} with"
        if SCORES[self.score].of_activations is None:
            known = ", ".join(name for name, score in SCORES.items() if score.of_activations)
            c.refuse(f"{what} score = {self.score!r}", f"pixels have no weights: {known}")
        if "admm" in self.driver or "levels" in self.projections:
            hint = "pixels have no weights to be drawn anywhere: layerwise, one-shot, stepwise, cubic, iterative"
            c.refuse(f"{what} driver = {self.driver!r}, projections = {self.projections!r}", hint)
        if STRUCTURES[self.structure].channels and self.scope == "global":
            c.refuse(f"{what} scope = 'global'", "channels and pixels share no budget: layer")
