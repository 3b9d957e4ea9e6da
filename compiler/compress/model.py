"""PreparedModel: a traced, quantised network as a torch module that any training loop can train, prune and freeze."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self

import torch
from torch import Tensor, nn

from ..errors import IntaglioError
from ..ir import Graph
from ..ops.source import Affine, BatchNorm, Quantise, SourcePositionAffine
from ..ops.source.kinds import RANKS
from .build import modules_of
from .checks import check_finite, check_inputs, check_names, inputs_of
from .drivers import Window
from .functional import STATELESS, inwards, outwards, per_channel
from .layers import BatchNormLayer, Constants, Nodes, Phase, Producer, Quantiser
from .plan import Plan, make_plan
from .projections import channels_kept, top_k
from .quantisers import RunningMean, scale_and_sign
from .recipe import Recipe
from .reference import Reference
from .scores import SCORES
from .settle import settled
from .structures import (
    PRODUCERS,
    Layer,
    fused_batch_norms,
    is_last_softmax,
    keeps_zero,
    structure_of,
)


class PreparedModel(nn.Module):
    """A network made ready to be compressed.

    Call it, differentiate it, optimise `parameters()`: it is a module like any other. Call `plan` once and `step` after
    every optimiser step and it prunes and quantises itself on the way; `freeze` ends it. From there on `forward` is the
    reference: float64, exact.

    Args:
        graph: a source graph with its quantisers.
        recipe: what to make of it.

    Raises:
        IntaglioError: where a parameter is NaN or infinite, or an operator is unknown.
    """

    def __init__(self, graph: Graph, recipe: Recipe) -> None:
        super().__init__()
        self.graph, self.recipe = graph, recipe
        self.phase, self.clock = Phase.FLOAT, 0
        self._plan: Plan | None = None
        self._reference: Reference | None = None
        self._observing = False
        self._fused = fused_batch_norms(graph)
        modules = modules_of(graph, recipe, self._fused)
        self.nodes = Nodes(modules)
        self.reviving = frozenset(node.name for node in graph.nodes if not keeps_zero(node.op))
        self.structure = structure_of(graph)
        check_names(recipe, [layer.name for layer in self.structure.layers])
        rows = self.structure.count + 1
        self.register_buffer("masks", torch.ones(rows))
        self.register_buffer("provisional", torch.ones(rows))
        self.scores = nn.ModuleList(RunningMean(len(layer.groups)) for layer in self.structure.layers)
        self._ids = {name: torch.from_numpy(ids) for name, ids in self.structure.ids.items()}
        self._groups: dict[str, list[Quantiser]] = {}
        for name, module in modules.items():
            if isinstance(module, Quantiser):
                self._groups.setdefault(module.group or name, []).append(module)
        self._watchers: dict[str, list[int]] = {}
        for number, layer in enumerate(self.structure.layers):
            for name in layer.watched:
                self._watchers.setdefault(name, []).append(number)
        self._open: dict[int, Window] = {}
        self._batch: dict[int, Tensor] = {}
        self.check_finite()

    masks: Tensor
    provisional: Tensor

    # -- running ---------------------------------------------------------------------------------------------------
    def forward(self, *inputs: Tensor) -> Any:
        """The network's outputs; while it trains, an argmax, a top-k or a softmax at the end is left out."""
        check_inputs(self.graph, inputs)
        if self.phase is Phase.FROZEN:
            outputs = self.reference(*inputs)
        else:
            if self.training and self._plan is not None:
                self._enter_phase(self._plan)
            values = self.tensors(*inputs)
            outputs = tuple(outwards(values[name], self.graph.border.get(name)) for name in self.graph.outputs)
        return outputs[0] if len(outputs) == 1 else outputs

    def tensors(self, *inputs: Tensor) -> dict[str, Tensor]:
        """Every tensor of the network as it is inside, by name: (batch, channels, height, width), signals of height 1.

        inputs: as the user has them.
        """
        if self.phase is Phase.FROZEN:
            return self.reference.tensors(*inputs)
        dtype = next((p.dtype for p in self.parameters()), torch.get_default_dtype())
        values = {
            name: inwards(x.to(dtype), self.graph.border.get(name), kind)
            for (name, kind), x in zip(self.graph.inputs.items(), inputs, strict=True)
        }
        pruned = bool((self.masks == 0).any())
        masks = {n: self.masks[self._ids_of(n)] for n in (*self.nodes._modules, *self.reviving)} if pruned else {}
        self._batch = {}
        for node in self.graph.nodes:
            ins = [values[name] for name in node.inputs]
            mask = masks.get(node.name)
            match node.op:
                case op if isinstance(op, PRODUCERS):
                    y = self.producer(node.name)(ins[0], self.phase, mask)
                case BatchNorm():
                    y = self.batch_norm(node.name)(ins[0], self.phase, mask, self._producer_of(node.inputs[0]))
                case Quantise():
                    y = self._quantise(node.name, ins[0])
                case Affine() | SourcePositionAffine():
                    y = self.constants(node.name)(ins[0], self.phase, mask)
                case op if isinstance(op, RANKS) or is_last_softmax(self.graph, node):
                    y = ins[0]
                case op:
                    op = settled(self, node) if self.phase is Phase.SNAPPED else op
                    y = STATELESS[type(op)](op, *ins)
                    y = y if mask is None else y * per_channel(mask, y)
            values[node.name] = self._watch(node.name, y) if self._open else y
        if self.training:
            for layer, score in self._batch.items():
                self.running_score(layer).observe(score)
        return values

    def _quantise(self, name: str, x: Tensor) -> Tensor:
        quantiser = self.quantiser(name)
        if self.phase is Phase.SNAPPED:
            return quantiser(x, quantiser.scale, bool(quantiser.signed))
        if self._observing or (self.phase is Phase.QUANTISE and self.training):
            quantiser.range.observe(x)
        if self.phase is not Phase.QUANTISE:
            return x
        members = self.group_of(name)
        if not any(member.range.ends.seen > 0 for member in members):
            return x
        return quantiser(x, *scale_and_sign([m.range for m in members], quantiser.bits))

    def _watch(self, name: str, x: Tensor) -> Tensor:
        """Collects the score of layers under way, then lets their provisional mask bite."""
        for number in self._watchers.get(name, ()):
            if number in self._open:
                layer, ids = self.structure.layers[number], self._ids_of(name)
                if self.training:
                    with torch.no_grad():
                        score = SCORES[self.recipe.score](x.detach())
                        sums = torch.zeros(len(self.masks), device=x.device, dtype=score.dtype)
                        ones = torch.zeros_like(sums)
                        sums.index_add_(0, ids, score)
                        ones.index_add_(0, ids, torch.ones_like(score))
                        rows = torch.from_numpy(layer.groups).to(x.device)
                        mean = sums[rows] / ones[rows].clamp(min=1)
                        self._batch[number] = self._batch.get(number, 0) + mean
                x = x * per_channel(self.provisional[ids], x)
        return x

    # -- compressing -----------------------------------------------------------------------------------------------
    def plan(self, epochs: float, steps_per_epoch: int) -> Plan:
        """Lays out the phases over `epochs`; to be called once before a training loop that calls `step`."""
        self._plan = make_plan(self.recipe, len(self.structure.layers), epochs, steps_per_epoch)
        return self._plan

    def step(self) -> None:
        """Advances the driver by one: call it after every optimiser step."""
        if self._plan is None:
            raise IntaglioError("the model has no plan yet", where="step", hint="call model.plan(epochs, steps) first")
        self.clock += 1
        if self.phase is Phase.PRUNE:
            self._prune(self._plan, self.clock - self._plan.prune_at)

    def _enter_phase(self, plan: Plan) -> None:
        """Phases begin with the first training batch after their boundary, so that an evaluation there sees the old."""
        if self.phase is Phase.FLOAT and plan.prune_at <= self.clock < plan.quantise_at:
            self.phase = Phase.PRUNE
            self._prune(plan, self.clock - plan.prune_at)
        if self.phase < Phase.QUANTISE and plan.quantise_at <= self.clock < plan.total:
            self._close(plan)
            self.phase = Phase.QUANTISE
        if self.phase is Phase.QUANTISE and plan.snap_at <= self.clock < plan.total and self.calibrated:
            self.snap()

    def _prune(self, plan: Plan, now: int) -> None:
        for window in plan.windows:
            if window.start == now:
                score = self.running_score(window.layer)
                score.mean.zero_()
                score.seen.zero_()
            if window.start <= now < window.stop:
                self._open[window.layer] = window
            if now in window.refreshes:
                self._refresh(window)
            if now == window.stop:
                self._harden(window.layer)

    def _refresh(self, window: Window) -> None:
        layer = self.structure.layers[window.layer]
        share = 1 - (1 - self.recipe.share_kept(layer.name)) * window.share
        rows = torch.from_numpy(layer.groups).to(self.masks.device)
        score = self.running_score(window.layer).mean
        count = channels_kept(len(layer.groups), share)
        self.provisional[rows] = top_k(score, count, self.masks[rows]).to(self.masks.dtype)

    def _harden(self, number: int) -> None:
        rows = torch.from_numpy(self.structure.layers[number].groups).to(self.masks.device)
        self.masks[rows] = self.provisional[rows]
        self._open.pop(number, None)

    def _close(self, plan: Plan) -> None:
        for window in [w for w in plan.windows if w.layer in self._open]:
            self._refresh(window)
            self._harden(window.layer)
        self._open.clear()

    def set_mask(self, layer: str, keep: Iterable[bool] | Tensor) -> None:
        """Decides by hand which channels of a hidden layer stay."""
        found = next((one for one in self.structure.layers if one.name == layer), None)
        values = torch.as_tensor(keep if isinstance(keep, Tensor) else list(keep), dtype=self.masks.dtype)
        if found is None or len(values) != len(found.groups):
            known = ", ".join(f"{one.name} ({len(one.groups)})" for one in self.structure.layers)
            raise IntaglioError(f"no hidden layer {layer} of {len(values)} channels", hint=f"there are: {known}")
        rows = torch.from_numpy(found.groups).to(self.masks.device)
        self.masks[rows] = self.provisional[rows] = (values != 0).to(self.masks)

    def kept(self) -> dict[str, tuple[int, int]]:
        """Hidden layer -> (channels that stay, channels)."""
        masks = self.masks.cpu().numpy()
        return {layer.name: (int(masks[layer.groups].sum()), len(layer.groups)) for layer in self.layers}

    def quantise(self) -> None:
        """Turns the quantisers on, for those who lay out the phases themselves."""
        self._refuse_if_frozen()
        self.phase = max(self.phase, Phase.QUANTISE)

    @torch.no_grad()
    def calibrate(self, batches: Iterable[Tensor | tuple[Any, ...] | list[Any]]) -> None:
        """Collects the ranges of weights and activations without training.

        batches: of x or of (x, y); where the network takes several inputs, x is a tuple, alone or beside y.
        """
        self._refuse_if_frozen()
        device, was = self.masks.device, self.training
        self.eval()
        self._observing = True
        try:
            for batch in batches:
                self(*(x.to(device) for x in inputs_of(batch, len(self.graph.inputs))))
        finally:
            self._observing = False
            self.train(was)
        self.phase = max(self.phase, Phase.QUANTISE)

    @property
    def calibrated(self) -> bool:
        """Whether every quantiser has seen data."""
        return all(any(m.range.ends.seen > 0 for m in members) for members in self._groups.values())

    def snap(self) -> None:
        """Fixes all scales and batch norms at dyadic values; weights and biases may train on."""
        from .freeze import snap

        self._refuse_if_frozen()
        self.check_finite()
        snap(self)
        self.phase = Phase.SNAPPED

    def freeze(self) -> Self:
        """Ends training: from here on the model is the reference, exact in float64.

        Raises:
            IntaglioError: where a parameter is not finite, no data was ever seen, or exactness cannot be proven.
        """
        if self.phase is not Phase.FROZEN:
            self.check_finite()
            if self.phase is not Phase.SNAPPED:
                self.snap()
            self._reference = self._frozen_reference()
            self.phase = Phase.FROZEN
            self.requires_grad_(False)
        return self.eval()

    @property
    def frozen(self) -> bool:
        return self.phase is Phase.FROZEN

    @property
    def reference(self) -> Reference:
        if self.phase is not Phase.FROZEN:
            raise IntaglioError("the model is not frozen", hint="call model.freeze() first")
        if self._reference is None:
            self._reference = self._frozen_reference()
        return self._reference

    def frozen_graph(self) -> Graph:
        """The frozen network as a source graph: integer codes with scales, affines for batch norms."""
        return self.reference.graph

    def _frozen_reference(self) -> Reference:
        from .exact import prove
        from .freeze import frozen_graph

        return Reference(prove(frozen_graph(self)))

    def copy_weights(self, other: PreparedModel) -> Self:
        """Takes parameters and batch norm statistics from another model of the same network (a trained float one)."""
        mine = self.state_dict()
        for name, value in other.state_dict().items():
            if name.endswith((".weight", ".bias", ".running_mean", ".running_var")):
                if name not in mine or mine[name].shape != value.shape:
                    raise IntaglioError(f"{name} does not fit: the two networks differ")
                mine[name].copy_(value)
        return self

    # -- parts -----------------------------------------------------------------------------------------------------
    @property
    def layers(self) -> tuple[Layer, ...]:
        return self.structure.layers

    def producer(self, name: str) -> Producer:
        module = self.nodes[name]
        assert isinstance(module, Producer)
        return module

    def batch_norm(self, name: str) -> BatchNormLayer:
        module = self.nodes[name]
        assert isinstance(module, BatchNormLayer)
        return module

    def constants(self, name: str) -> Constants:
        module = self.nodes[name]
        assert isinstance(module, Constants)
        return module

    def quantiser(self, name: str) -> Quantiser:
        module = self.nodes[name]
        assert isinstance(module, Quantiser)
        return module

    def running_score(self, layer: int) -> RunningMean:
        module = self.scores[layer]
        assert isinstance(module, RunningMean)
        return module

    def fused_batch_norm(self, producer: str) -> str | None:
        return self._fused.get(producer)

    @property
    def fused_producers(self) -> frozenset[str]:
        return frozenset(self._fused)

    def group_of(self, quantiser: str) -> list[Quantiser]:
        """The quantisers that share a scale with this one, itself included."""
        return self._groups[self.quantiser(quantiser).group or quantiser]

    def _producer_of(self, tensor: str) -> Producer | None:
        return self.producer(tensor) if tensor in self._fused else None

    def _ids_of(self, name: str) -> Tensor:
        ids = self._ids[name]
        if ids.device != self.masks.device:
            ids = self._ids[name] = ids.to(self.masks.device)
        return ids

    def mask_of(self, tensor: str) -> Tensor:
        """Which channels of a tensor stay (1) or go (0)."""
        return self.masks[self._ids_of(tensor)]

    def get_extra_state(self) -> dict[str, int]:
        return {"phase": int(self.phase), "clock": self.clock}

    def set_extra_state(self, state: dict[str, int]) -> None:
        self.phase, self.clock = Phase(state["phase"]), state["clock"]
        self._reference = None
        self._open.clear()
        if self.phase is Phase.FROZEN:
            self.requires_grad_(False)

    def resume(self) -> None:
        """After a state was loaded and the plan made again: opens the windows that the clock stands in."""
        if self._plan is not None and self.phase is Phase.PRUNE:
            now = self.clock - self._plan.prune_at
            self._open = {w.layer: w for w in self._plan.windows if w.start <= now < w.stop}

    def check_finite(self) -> None:
        """Raises IntaglioError that names the first parameter or statistic that is NaN or infinite."""
        check_finite(self, self.graph)

    def _refuse_if_frozen(self) -> None:
        if self.phase is Phase.FROZEN:
            raise IntaglioError("the model is frozen", hint="prepare the network again to train on")
