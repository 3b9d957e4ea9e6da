"""PreparedModel: a traced, quantised network as a torch module that any training loop can train, prune and freeze."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self

import torch
from torch import Tensor

from ..errors import IntaglioError
from ..ir import Graph
from ..ops.source import Affine, BatchNorm, Quantise, SourcePositionAffine
from ..ops.source.kinds import RANKS
from .checks import check_finite, check_inputs, inputs_of
from .dead import bury_dead
from .functional import STATELESS, inwards, outwards, per_channel
from .layers import Phase
from .losses import TERMS
from .losses.adversarial import cut_at_mean, deepfool
from .network import (
    PRODUCERS,
    is_last_softmax,
)
from .parts import Parts
from .plan import Plan, make_plan
from .quantisers import scale_and_sign
from .quantisers.learned import learned_width
from .quantisers.ranges import nearest_bits, widest
from .recipe import Recipe
from .reference import Reference
from .settle import settled
from .statistics import squared_gradients


class PreparedModel(Parts):
    """A network made ready to be compressed.

    Call it, differentiate it, optimise `parameters()`: it is a module like any other. Call `plan` once and `step` after
    every optimiser step and it prunes and quantises itself on the way; `freeze` ends it. From there on `forward` is the
    reference: float64, exact. A loop of one's own, for any recipe:

        model.plan(epochs, len(loader))
        for each batch x, y:
            optimiser.zero_grad()
            (loss(model(x), y) + model.penalty()).backward()
            optimiser.step()
            model.step(y)
        model.freeze()

    `penalty` is what ADMM, gates, BOPs and L1 add; `step` wants labels for the score `class-groups` only; a share of
    adversarial samples is mixed in as `adversarial` says.

    Args:
        graph: a source graph with its quantisers.
        recipe: what to make of it.

    Raises:
        IntaglioError: where a parameter is NaN or infinite, or an operator is unknown.
    """

    def __init__(self, graph: Graph, recipe: Recipe) -> None:
        super().__init__(graph, recipe)
        self.phase, self.clock, self.closed = Phase.FLOAT, 0, False
        self._plan: Plan | None = None
        self._reference: Reference | None = None
        self._observing = False
        self._inputs: tuple[Tensor, ...] = ()
        self.check_finite()

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
        masks = self._masks()
        rows, weights = self.pruner.sampled_gates() if self.pruner.open else (None, {})
        for node in self.graph.nodes:
            ins = [values[name] for name in node.inputs]
            mask = masks.get(node.name)
            match node.op:
                case op if isinstance(op, PRODUCERS):
                    self.pruner.see_input(node.name, ins[0])
                    factor = self._gated(mask, rows, node.name) if node.name not in self._fused else mask
                    gate = weights.get(node.name)
                    learning = self.learning_bits
                    y = self.producer(node.name)(ins[0], self.phase, factor, gate, learning=learning)
                case BatchNorm():
                    producer = self._producer_of(node.inputs[0])
                    factor = mask if producer is None else self._gated(mask, rows, node.name)
                    y = self.batch_norm(node.name)(ins[0], self.phase, factor, producer)
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
            values[node.name] = self.pruner.watch(node.name, y, self.ids_of(node.name))
        if self.training:
            self.pruner.end_batch()
            self._inputs = tuple(x.detach() for x in inputs) if self.pruner.wants_pass() else ()
        return values

    def _masks(self) -> dict[str, Tensor]:
        """Masks of channels by node, where something is masked."""
        pruned = bool((self.masks[: self.structure.count] == 0).any())
        masks = {n: self.masks[self.ids_of(n)] for n in (*self.nodes._modules, *self.reviving)} if pruned else {}
        for name in self.macs:
            alive = self.producer(name).rows_alive()
            if alive is not None:
                for place in {name, self._fused.get(name, name)}:
                    masks[place] = masks[place] * alive if pruned else alive
        return masks

    def _gated(self, mask: Tensor | None, rows: Tensor | None, name: str) -> Tensor | None:
        if rows is None:
            return mask
        gates = rows[self.ids_of(name)]
        return gates if mask is None else mask * gates

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
        scale, signed = scale_and_sign([m.range for m in members], quantiser.bits)
        if self.learning_bits and quantiser.range.learn_bits:
            head = widest([m.range for m in members])
            return learned_width(x, head.log_size.exp(), head.log_step.exp(), signed=signed)
        return quantiser(x, scale, signed)

    # -- compressing -----------------------------------------------------------------------------------------------
    def plan(self, epochs: float, steps_per_epoch: int) -> Plan:
        """Lays out the phases over `epochs`; to be called once before a training loop that calls `step`."""
        self._plan = make_plan(self.recipe, len(self.pruner.sites), epochs, steps_per_epoch)
        self._keep_early()
        return self._plan

    def step(self, labels: Tensor | None = None) -> None:
        """Advances the driver by one: call it after every optimiser step, before gradients are cleared.

        labels: of the last batch; only the score `class-groups` asks for them.
        """
        if self._plan is None:
            raise IntaglioError("the model has no plan yet", where="step", hint="call model.plan(epochs, steps) first")
        self.clock += 1
        self._keep_early()
        if self._plan.prune_at < self.clock <= self._plan.prune_end and self.phase is not Phase.FLOAT:
            learning = self.learning_bits
            self.pruner.see_step(lambda names: self._squares(names, labels))
            self.pruner.advance(self._plan.windows, self.clock - self._plan.prune_at)
            if learning and not self.learning_bits:
                self._settle_bits()

    def _squares(self, names: list[str], labels: Tensor | None) -> dict[str, Tensor]:
        by_class = self.pruner.score.needs == "class groups"
        if by_class and labels is None:
            hint = "call model.step(labels) with the labels of the batch"
            raise IntaglioError("the score class-groups needs labels", where="step", hint=hint)
        told = labels if by_class else None
        return squared_gradients(self, names, self._inputs, told, self.recipe.groups, self.class_groups())

    def penalty(self) -> Tensor:
        """What the recipe adds to the loss of a batch: a scalar, to be added before `backward`.

        ADMM's quadratic term, the regulariser of gates, BOPs, L1: 0 where the recipe has none of them.
        """
        total = self.masks.new_zeros(())
        for term in TERMS.values() if self.phase < Phase.FROZEN else ():
            total = total + term(self)
        return total

    def adversarial(self, x: Tensor) -> Tensor:
        """The batch moved to where the network errs, no further than such steps are on average (DeepFool).

        A loop of one's own mixes: (1 - a)*loss(model(x), y) + a*loss(model(model.adversarial(x)), y), a being
        `recipe.adversarial`; `fit` does.
        """
        was = self.training
        self.eval()
        try:
            with torch.enable_grad():
                return x + cut_at_mean(deepfool(self, x, self.recipe.adversarial_steps))
        finally:
            self.train(was)

    def residuals(self) -> dict[str, float]:
        """By layer, how far ADMM's weights are from their target: ||W - Z|| / ||W||."""
        return self.pruner.residuals()

    def _keep_early(self) -> None:
        early, plan = self.pruner.early, self._plan
        if early is not None and plan is not None and self.clock == plan.rewind_at and self.phase <= Phase.PRUNE:
            early.keep(self.modules_by_node)

    def _enter_phase(self, plan: Plan) -> None:
        """Phases begin with the first training batch after their boundary, so that an evaluation there sees the old."""
        if self.phase is Phase.FLOAT and plan.prune_at <= self.clock < plan.prune_end:
            self.phase = Phase.QUANTISE if plan.quantise_at <= self.clock else Phase.PRUNE
            self.pruner.advance(plan.windows, self.clock - plan.prune_at)
        if self.clock >= plan.prune_end:
            self._close()
        if self.phase < Phase.QUANTISE and plan.quantise_at <= self.clock < plan.total:
            self.phase = Phase.QUANTISE
        if self.phase is Phase.QUANTISE and plan.snap_at <= self.clock < plan.total and self.calibrated:
            self.snap()

    def _close(self) -> None:
        """Ends the pruning phase: what has no use any more goes, and learned widths become whole numbers."""
        if self.closed:
            return
        self.closed, learned = True, self.learning_bits
        if self._plan is not None:
            self.pruner.close(self._plan.windows, self.clock - self._plan.prune_at)
        self.bury_dead()
        if learned:
            self._settle_bits()

    def bury_dead(self) -> None:
        """Masks the channels that masks of single weights have left without a maker or a reader."""
        if not self.masks_weights:
            return
        producers = {name: self.producer(name) for name in self.macs}
        bury_dead(self.graph, producers, {name: self.ids_of(name) for name in self._ids}, self.masks)
        self.provisional.copy_(self.masks)
        for producer in producers.values():
            producer.mask.copy_(producer.provisional)

    @property
    def learning_bits(self) -> bool:
        """Whether widths are being learned now."""
        return bool(self.recipe.bit_choices and self.pruner.open) and self.phase is Phase.QUANTISE

    def _settle_bits(self) -> None:
        for name in self.macs:
            found = self.producer(name).range
            if int(found.size.seen):
                found.set_bits(nearest_bits(*found.size_and_step(), True, self.recipe.bit_choices))
        for members in self._groups.values():
            seen = [m.range for m in members if int(m.range.ends.seen) and m.range.learn_bits]
            if seen:
                signed = any(bool(r.ends.mean[0] < 0) for r in seen)
                bits = nearest_bits(*widest(seen).size_and_step(), signed, self.recipe.bit_choices)
                for member in members:
                    member.range.bits = bits

    def set_mask(self, layer: str, keep: Iterable[bool] | Tensor) -> None:
        """Decides by hand which groups (channels, blocks, ...) of a layer or feature map stay."""
        found = next((one for one in self.pruner.sites if one.name == layer), None)
        values = torch.as_tensor(keep if isinstance(keep, Tensor) else list(keep), dtype=self.masks.dtype)
        if found is None or len(values) != found.count:
            known = ", ".join(f"{one.name} ({one.count})" for one in self.pruner.sites)
            raise IntaglioError(f"no hidden layer {layer} of {len(values)} channels", hint=f"there are: {known}")
        self.pruner.propose(found, (values != 0).to(self.masks))
        self.pruner.settle(found)

    def kept(self) -> dict[str, tuple[int, int]]:
        """Layer -> (groups that stay, groups): of channels, blocks, filters, ..., as the recipe's structure is."""
        return {site.name: (int(self.pruner.alive(site).sum()), site.count) for site in self.pruner.sites}

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
        self._close()
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

    # -- going on ----------------------------------------------------------------------------------------------------
    def get_extra_state(self) -> dict[str, int]:
        return {"phase": int(self.phase), "clock": self.clock, "closed": int(self.closed)}

    def set_extra_state(self, state: dict[str, int]) -> None:
        self.phase, self.clock, self.closed = Phase(state["phase"]), state["clock"], bool(state["closed"])
        self._reference = None
        self.pruner.open.clear()
        if self.phase is Phase.FROZEN:
            self.requires_grad_(False)

    def resume(self) -> None:
        """After a state was loaded and the plan made again: opens the windows that the clock stands in."""
        plan = self._plan
        if plan is not None and self.phase in (Phase.PRUNE, Phase.QUANTISE) and self.clock < plan.prune_end:
            self.pruner.resume(plan.windows, self.clock - plan.prune_at)

    def check_finite(self) -> None:
        """Raises IntaglioError that names the first parameter or statistic that is NaN or infinite."""
        check_finite(self, self.graph)

    def _refuse_if_frozen(self) -> None:
        if self.phase is Phase.FROZEN:
            raise IntaglioError("the model is frozen", hint="prepare the network again to train on")
