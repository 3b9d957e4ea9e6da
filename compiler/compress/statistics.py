"""What scores need to see of a layer: running means of activations and gradients, collected from ordinary training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import IntaglioError
from .layers import Nodes, Producer
from .quantisers import RunningMean
from .scores import Score
from .structures import Site

if TYPE_CHECKING:
    from .model import PreparedModel

PASSES = ("curvature", "class groups")
"""What takes passes of its own, beside those of training."""


class Statistics(nn.Module):
    """One running mean for each site of coupled channels (under a score of activations) or for each layer."""

    def __init__(self, score: Score, sites: Sequence[Site], producers: Mapping[str, Producer], classes: int) -> None:
        super().__init__()
        self.score = score
        shapes: dict[str, tuple[int, ...]] = {}
        for site in sites:
            if score.needs == "activations" and site.rows is not None:
                shapes[site.name] = (site.count,)
            elif score.needs not in ("nothing", "gates"):
                for name in site.producers:
                    shape = tuple(producers[name].weight.shape)
                    inputs = shape[1] * getattr(producers[name].op, "groups", 1)
                    lead = (classes,) if score.needs == "class groups" else ()
                    shapes[name] = (inputs,) if score.needs == "activations" else (*lead, *shape)
        self.means = Nodes({name: RunningMean(*shape) for name, shape in shapes.items()})

    def __getitem__(self, name: str) -> RunningMean:
        found = self.means[name]
        assert isinstance(found, RunningMean)
        return found

    def forget(self, site: Site) -> None:
        for name in (site.name, *site.producers):
            if name in self.means._modules:
                self[name].forget()

    def of_weights(self, name: str, producer: Producer) -> Tensor:
        """What was collected, of the weight's shape (class groups in front); zeros where nothing is needed."""
        weight = producer.weight
        if self.score.needs in ("nothing", "gates"):
            return torch.zeros_like(weight)
        mean = self[name].mean
        if self.score.needs != "activations":
            return mean
        groups = getattr(producer.op, "groups", 1)
        rows = mean.reshape(groups, -1).repeat_interleave(len(weight) // groups, dim=0)
        return rows.reshape(*rows.shape, *(1,) * (weight.dim() - 2)).expand_as(weight)

    @torch.no_grad()
    def see_gradients(self, name: str, producer: Producer) -> None:
        """After a backward pass and before the next one clears it."""
        gradient = producer.weight.grad
        if gradient is None:
            raise IntaglioError(
                f"the score needs gradients, and {name} has none", where="step",
                hint="call model.step() after loss.backward() and optimizer.step(), before zero_grad()",
            )  # fmt: skip
        self[name].observe(gradient.abs() if self.score.needs == "gradients" else gradient.square())


def squared_gradients(model: PreparedModel, names: list[str], inputs: tuple[Tensor, ...], labels: Tensor | None,
                      groups: Sequence[int] | None, classes: int) -> dict[str, Tensor]:  # fmt: skip
    """Squared gradients of the weights of `names`, from a pass of their own over the last batch.

    Without labels: the mean over samples of sum_c (df_c)^2 / f_c = sum_c f_c (d log f_c)^2, f the softmax. For each c
    the gradients of all samples, with random signs, are added up: their square is the sum of squares, on average.
    (To draw one c for each sample from f is right on average, too, but says next to nothing of a network that is sure:
    all depends on a few draws of classes that are all but impossible.)
    With labels: for each class group, the square of its mean loss's gradient (FairGRAPE), (classes, *weight.shape).
    """
    weights: list[Tensor] = [model.producer(name).weight for name in names]
    was = model.training
    model.eval()
    try:
        with torch.enable_grad():
            outputs = model(*inputs)
            if not isinstance(outputs, Tensor) or outputs.dim() != 2:
                raise IntaglioError("the score needs one output of classes", where="recipe", hint="score='taylor'")
            if labels is None:
                squares = [square / len(outputs) for square in _signed_sums(outputs, weights)]
            else:
                squares = _by_group(outputs, labels, groups, classes, weights)
    finally:
        model.train(was)
    return dict(zip(names, squares, strict=True))


def _signed_sums(outputs: Tensor, weights: list[Tensor]) -> list[Tensor]:
    logs = F.log_softmax(outputs, dim=1)
    roots = (logs.detach() / 2).exp()
    squares = [torch.zeros_like(w) for w in weights]
    for c in range(outputs.shape[1]):
        signs = torch.randint(0, 2, (len(outputs),), device=outputs.device).to(outputs) * 2 - 1
        gradients = _gradients((signs * roots[:, c] * logs[:, c]).sum(), weights)
        squares = [square + gradient.square() for square, gradient in zip(squares, gradients, strict=True)]
    return squares


def _by_group(
    outputs: Tensor, labels: Tensor, groups: Sequence[int] | None, classes: int, weights: list[Tensor]
) -> list[Tensor]:
    table = torch.arange(classes) if groups is None else torch.tensor(list(groups))
    if int(labels.max()) >= len(table) or labels.shape != outputs.shape[:1]:
        hint = f"labels are {len(outputs)} whole numbers below {len(table)}"
        raise IntaglioError("the labels do not fit the class groups", where="step", hint=hint)
    losses, mine = F.cross_entropy(outputs, labels, reduction="none"), table.to(labels.device)[labels]
    squares = [w.new_zeros((classes, *w.shape)) for w in weights]
    for group in sorted(set(mine.tolist())):
        gradients = _gradients(losses[mine == group].mean(), weights)
        for square, gradient in zip(squares, gradients, strict=True):
            square[group] = gradient.square()
    return squares


def _gradients(value: Tensor, weights: list[Tensor]) -> list[Tensor]:
    found = torch.autograd.grad(value, weights, retain_graph=True, allow_unused=True)
    return [torch.zeros_like(w) if g is None else g for w, g in zip(weights, found, strict=True)]
