"""The pruner: masks, and what decides them while a model trains.

It knows sites (what may go), statistics (what is seen of them), gates and targets (what draws them), and follows the
windows of a driver. It holds masks of channels and of blocks of pixels; masks of weights are the producers' own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .drivers import Window
from .functional import per_channel
from .gates import Gates, GaussianGates, LogitGates
from .layers import Nodes, Producer
from .projections import SELECTIONS, Candidates, on_levels
from .recipe import Recipe
from .recovery.weights import EarlyWeights, draw_weights
from .scores import SCORES
from .scores.activations import by_channel, by_pixel
from .splitting import Splitting
from .statistics import PASSES, Statistics
from .structures import Site

Squares = Callable[[list[str]], dict[str, Tensor]]


class Pruner(nn.Module):
    """masks: by row: coupled channels, one row for what may never go, blocks. provisional: while they may change.

    Args:
        recipe: the model's.
        sites: what may go, front to back.
        modules: all parts of the model, by node.
        rows: of the masks.
        carriers: for every producer, the part whose weight and bias scale its channels last (itself, or a fused batch
            norm).
        classes: how many class groups there are.
    """

    masks: Tensor
    provisional: Tensor

    def __init__(self, recipe: Recipe, sites: Sequence[Site], modules: Mapping[str, nn.Module], rows: int,
                 carriers: Mapping[str, nn.Module], classes: int) -> None:  # fmt: skip
        super().__init__()
        self.recipe, self.sites, self.score = recipe, tuple(sites), SCORES[recipe.score]
        self._modules_of = {"all": modules}  # behind a dict, so that they are not registered twice
        self._carriers = {"all": carriers}
        self.register_buffer("masks", torch.ones(rows))
        self.register_buffer("provisional", torch.ones(rows))
        mine = {name: self.producer(name) for site in self.sites for name in site.producers}
        self.statistics = Statistics(self.score, self.sites, mine, classes)
        self.gates = nn.ModuleList(self._gates(site.count) for site in self.sites if self.score.gates)
        splits = "admm" in recipe.driver
        self.splittings = Nodes(
            {
                n: Splitting(p.weight.shape, recipe.rho, recipe.rho_growth, holds="easiest-first" in recipe.driver)
                for n, p in mine.items()
                if splits
            }
        )
        self.early = EarlyWeights(modules) if recipe.recovery == "rewind" else None
        self.open: dict[int, Window] = {}
        self._batch: dict[int, Tensor] = {}
        self._watchers: dict[str, list[int]] = {}
        self._readers: dict[str, int] = {}
        for number, site in enumerate(self.sites):
            for name in site.watched:  # provisional masks of channels bite here, whatever ranks them
                self._watchers.setdefault(name, []).append(number)
            if site.rows is None and self.score.needs == "activations":
                self._readers |= dict.fromkeys(site.producers, number)

    def _gates(self, count: int) -> Gates:
        if self.score.gates == "gaussian":
            return GaussianGates(count, self.recipe.gate_log_variance)
        return LogitGates(count, self.recipe.temperature)

    def producer(self, name: str) -> Producer:
        found = self._modules_of["all"][name]
        assert isinstance(found, Producer)
        return found

    def splitting(self, name: str) -> Splitting:
        found = self.splittings[name]
        assert isinstance(found, Splitting)
        return found

    def gate(self, number: int) -> Gates:
        found = self.gates[number]
        assert isinstance(found, GaussianGates | LogitGates)
        return found

    # -- what a forward pass asks --------------------------------------------------------------------------------
    def sampled_gates(self) -> tuple[Tensor | None, dict[str, Tensor]]:
        """Of the layers under way: factors of rows of channels, and of single weights by producer."""
        rows: Tensor | None = None
        weights: dict[str, Tensor] = {}
        for number in self.open if self.score.gates else ():
            site, drawn = self.sites[number], self.gate(number).sample()
            if site.rows is None:
                weights |= site.expand(drawn)
            else:
                rows = torch.ones_like(self.masks) if rows is None else rows
                rows = rows.index_copy(0, self._rows(site), drawn.to(rows))
        return rows, weights

    def watch(self, name: str, x: Tensor, ids: Tensor) -> Tensor:
        """Collects the score of layers under way, then lets their provisional mask bite; that of blocks always does.

        ids: the row of each channel of x.
        """
        for number in self._watchers.get(name, ()):
            places = self.sites[number].places
            if number in self.open and self.training and self.score.of_activations is not None:
                self._see(number, x, ids if places is None else places.to(x.device))
            if places is not None:
                x = x * self.provisional[places.to(x.device)]
            elif number in self.open:
                x = x * per_channel(self.provisional[ids], x)
        return x

    @torch.no_grad()
    def _see(self, number: int, x: Tensor, ids: Tensor) -> None:
        """ids: the row of each channel of x, or (height, width) of each pixel."""
        assert self.score.of_activations is not None
        values = self.score.of_activations(x.detach())
        score = by_channel(values) if ids.dim() == 1 else by_pixel(values).reshape(-1)
        ids = ids.reshape(-1)
        sums = torch.zeros(len(self.masks), device=x.device, dtype=score.dtype)
        ones = torch.zeros_like(sums)
        sums.index_add_(0, ids, score)
        ones.index_add_(0, ids, torch.ones_like(score))
        rows = self._rows(self.sites[number])
        self._batch[number] = self._batch.get(number, 0) + sums[rows] / ones[rows].clamp(min=1)

    @torch.no_grad()
    def see_input(self, name: str, x: Tensor) -> None:
        """Collects what a layer reads, where weights are ranked by it."""
        if self.training and self._readers.get(name) in self.open and self.score.of_activations is not None:
            self.statistics[name].observe(by_channel(self.score.of_activations(x.detach())))

    def end_batch(self) -> None:
        for number, score in self._batch.items():
            self.statistics[self.sites[number].name].observe(score)
        self._batch.clear()

    # -- what a step does ----------------------------------------------------------------------------------------
    def wants_pass(self) -> bool:
        """Whether the score takes a pass of its own now."""
        return bool(self.open) and self.score.needs in PASSES

    def see_step(self, squares: Squares) -> None:
        """Collects gradients of the layers under way; `squares` runs a pass of its own over the last batch."""
        names = [name for number in self.open for name in self.sites[number].producers]
        if self.score.needs in PASSES:
            for name, value in squares(names).items() if names else ():
                self.statistics[name].observe(value)
        elif self.score.needs.startswith("gradients"):
            for name in names:
                self.statistics.see_gradients(name, self.producer(name))

    def advance(self, windows: Sequence[Window], now: int) -> None:
        """What is due at step `now` of the pruning phase."""
        self._put_back()
        self._refresh([w for w in windows if now in w.refreshes], now)
        stopping = [w for w in windows if w.stop == now]
        for window in stopping:
            self._harden(window.layer)
        if stopping:
            self._recover(last=any(w.share == 1 for w in stopping))
        for window in windows:
            if window.start == now:
                self._begin(window)
            if window.start <= now < window.stop:
                self.open[window.layer] = window
        if self.open and self.score.gates and self.recipe.rerandomise and now and now % self.recipe.rerandomise == 0:
            draw_weights({n: self.producer(n) for i in self.open for n in self.sites[i].producers}, weights_only=True)

    def _put_back(self) -> None:
        for number, window in self.open.items():
            for name in self.sites[number].producers if window.rounds > 1 else ():
                self.splitting(name).put_back(self.producer(name).weight.detach())

    def close(self, windows: Sequence[Window], now: int) -> None:
        """Where the phase ends at step `now`, before its windows do: layers that have begun go through those that are
        left at once, so that they go as far as the recipe says.
        """
        begun = {w.layer for w in windows if w.start < now} | self.open.keys()
        left = [w for w in windows if w.layer in begun and w.stop > now]
        for stop in sorted({w.stop for w in left}):
            due = [w for w in left if w.stop == stop]
            self._refresh(due, stop)
            for window in due:
                self._harden(window.layer)
        if left:
            self._recover(last=True)

    def resume(self, windows: Sequence[Window], now: int) -> None:
        """Opens the windows that step `now` stands in."""
        self.open = {w.layer: w for w in windows if w.start <= now < w.stop}

    def _begin(self, window: Window) -> None:
        site = self.sites[window.layer]
        self.statistics.forget(site)
        if not window.splitting:
            return
        weights = {name: self.producer(name).weight.detach() for name in site.producers}
        targets = weights
        if self.score.needs == "nothing" or window.levels:
            targets = self._targets(window, weights, self._select([window], {window.layer: weights})[0])
        for name in site.producers:
            self.splitting(name).begin(weights[name], targets[name])

    def _refresh(self, due: Sequence[Window], now: int) -> None:
        if not due:
            return
        values = {
            w.layer: {
                name: self.splitting(name).shifted(self.producer(name).weight)
                if w.splitting
                else self.producer(name).weight.detach()
                for name in self.sites[w.layer].producers
            }
            for w in due
        }
        for window, mask in zip(due, self._select(due, values), strict=True):
            site = self.sites[window.layer]
            last = now == window.stop
            if window.splitting and not last:
                targets = self._targets(window, values[window.layer], mask)
                masks = site.expand(mask.to(self.masks))
                for name in site.producers:
                    weight, splitting = self.producer(name).weight.detach(), self.splitting(name)
                    splitting.update(weight, targets[name])
                    if share := window.settled(now):
                        splitting.hold(weight, masks[name], share)
            else:
                self.propose(site, mask)
                if window.levels or (
                    not window.splitting and window.share == 1 and "levels" in self.recipe.projections
                ):
                    self._set_on_levels(site, mask)

    def _select(self, due: Sequence[Window], values: Mapping[int, Mapping[str, Tensor]]) -> list[Tensor]:
        """The masks of the groups of all layers that are due, in their windows' order."""
        if any(w.levels for w in due):  # the mask was made before
            return [self.alive(self.sites[w.layer]) for w in due]
        offers = []
        for window in due:
            site = self.sites[window.layer]
            share = window.kept(self.recipe.share_kept(site.name))
            scores = self._score(window.layer, values[window.layer])
            offers.append(Candidates(scores, self.alive(site), site.sizes, share))
        select, threshold = SELECTIONS[self.recipe.projections[0]], self.recipe.threshold
        if self.recipe.scope == "global":
            return select(offers, threshold)
        return [select([offer], threshold)[0] for offer in offers]

    @torch.no_grad()
    def _score(self, number: int, values: Mapping[str, Tensor]) -> Tensor:
        site, score = self.sites[number], self.score
        if score.gates:
            return self.gate(number).score()
        if site.rows is not None and score.of_activations is not None:
            return self.statistics[site.name].mean
        assert score.of_weight is not None
        per_weight = {
            name: score.of_weight(value, self.statistics.of_weights(name, self.producer(name)))
            for name, value in values.items()
        }
        return score.finish(site.reduce(per_weight))

    def _targets(self, window: Window, values: Mapping[str, Tensor], mask: Tensor) -> dict[str, Tensor]:
        masks = self.sites[window.layer].expand(mask.to(self.masks))
        if window.levels:
            return {n: on_levels(v, masks[n], self.producer(n).range, self._importance(n)) for n, v in values.items()}
        return {name: value * masks[name] for name, value in values.items()}

    @torch.no_grad()
    def _set_on_levels(self, site: Site, mask: Tensor) -> None:
        for name, alive in site.expand(mask.to(self.masks)).items():
            producer = self.producer(name)
            weight, importance = producer.weight, self._importance(name)
            weight.copy_(on_levels(weight, alive, producer.range, importance))
            if producer.range.codebook == "cluster":  # from here on its centroids are these
                producer.range.size.forget()
                producer.range.observe(weight, alive, importance)

    def _importance(self, name: str) -> Tensor | None:
        """Of each weight, for clusters: the curvature, where it is known."""
        if self.score.needs not in ("gradients squared", "curvature", "class groups"):
            return None
        found = self.statistics[name].mean
        found = found.sum(dim=0) if self.score.needs == "class groups" else found
        return found if bool((found > 0).any()) else None

    # -- masks ---------------------------------------------------------------------------------------------------
    def _rows(self, site: Site) -> Tensor:
        assert site.rows is not None
        return site.rows.to(self.masks.device)

    def alive(self, site: Site) -> Tensor:
        """Which groups have not gone for good: 1 or 0 each."""
        if site.rows is not None:
            return self.masks[self._rows(site)]
        held = site.reduce({name: self.producer(name).mask for name in site.producers})
        return (held > 0).to(self.masks)

    def places_alive(self, tensor: str) -> Tensor | None:
        """Which pixels of a tensor have not gone for good, (height, width); None where none has."""
        for number in self._watchers.get(tensor, ()):
            places = self.sites[number].places
            if places is not None and not bool((alive := self.masks[places.to(self.masks.device)]).all()):
                return alive
        return None

    def propose(self, site: Site, mask: Tensor) -> None:
        """A mask that may still change."""
        mask = mask.to(self.masks)
        if site.rows is not None:
            self.provisional[self._rows(site)] = mask
            return
        for name, values in site.expand(mask).items():
            self.producer(name).provisional.copy_(values)

    def settle(self, site: Site) -> None:
        """What is proposed holds for good."""
        if site.rows is not None:
            self.masks[self._rows(site)] = self.provisional[self._rows(site)]
            return
        for name in site.producers:
            producer = self.producer(name)
            producer.mask.copy_(producer.provisional)

    @torch.no_grad()
    def _harden(self, number: int) -> None:
        site = self.sites[number]
        self.settle(site)
        self.open.pop(number, None)
        if not self.score.gates:
            return
        factor = self.gate(number).closed()
        if site.rows is None:
            for name, values in site.expand(factor).items():
                self.producer(name).weight.mul_(values)
            return
        for name, labels in site.labels.items():
            padded = torch.cat((factor, factor.new_ones(1)))
            by_channel = padded[labels.reshape(len(labels), -1)[:, 0].to(factor.device)]
            carrier: Any = self._carriers["all"][name]
            carrier.weight.mul_(by_channel.reshape(-1, *(1,) * (carrier.weight.dim() - 1)))
            carrier.bias.mul_(by_channel)

    def _recover(self, *, last: bool) -> None:
        if self.early is not None:
            self.early.restore(self._modules_of["all"])
        if self.recipe.recovery == "re-initialise" and last:
            draw_weights(self._modules_of["all"])

    def residuals(self) -> dict[str, float]:
        """||W - Z|| / ||W|| of the layers that are being drawn to a target."""
        return {
            name: self.splitting(name).residual(self.producer(name).weight)
            for number, window in self.open.items()
            if window.splitting
            for name in self.sites[number].producers
        }
