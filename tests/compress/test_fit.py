"""fit: it learns, it resumes bit for bit, and it says what is wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from compress_networks import batches_of, mlp_network, residual_network
from intaglio.compress import PreparedModel, Recipe, evaluate, fit
from intaglio.errors import IntaglioError
from intaglio.ir import Graph

RECIPE = Recipe(start_epoch=0.1, layer_epochs=0.4)


class Shuffled:
    """A loader that draws random numbers of its own and of torch's."""

    def __init__(self, graph: Graph) -> None:
        self.batches = batches_of(graph, 8)
        self.generator = torch.Generator().manual_seed(5)

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self):
        for i in torch.randperm(len(self.batches), generator=self.generator).tolist():
            x, y = self.batches[i]
            yield x + 0.01 * torch.randn_like(x), y


def run(
    path: Path | None,
    epochs: int = 8,
    stop_after: int | None = None,
    recipe: Recipe = RECIPE,
    make=mlp_network,
    device: str = "cpu",
) -> tuple[PreparedModel, object]:
    graph = make(act_bits=recipe.act_bits)
    model, loader, valid = PreparedModel(graph, recipe), Shuffled(graph), batches_of(graph, 2, seed=9)
    if stop_after is None:
        return model, fit(model, loader, valid, epochs, progress=False, checkpoint=path, device=device)

    class StopError(Exception):
        pass

    class Stopping(Shuffled):
        begun = 0

        def __iter__(self):
            self.begun += 1
            for number, batch in enumerate(super().__iter__()):
                if self.begun > stop_after and number == 3:
                    raise StopError
                yield batch

    with pytest.raises(StopError):
        fit(model, Stopping(graph), valid, epochs, progress=False, checkpoint=path, device=device)
    return model, None


@pytest.mark.parametrize("stop_after", range(1, 8))
def test_resume_is_bit_for_bit(tmp_path: Path, stop_after: int) -> None:
    check_resume(tmp_path, stop_after, RECIPE)


METHODS = {
    "stepwise": {},
    "fairgrape": {"keep": 0.3},
    "qap": {"recovery": "rewind"},
    "rate-distortion": {},
    "admm-progressive": {"keep": 0.5},
    "admm-cluster": {"keep": 0.5},
    "admm-tiles": {"tile": (2, 2)},
    "djpq": {},
    "transfer-mask": {"keep": 0.4, "rerandomise": 5},
    "blind-adversarial": {"keep": 0.4},
    "bit-shift": {"shares": (0.2, 0.0, 0.5, 0.3)},
}


@pytest.mark.parametrize("stop_after", [2, 4, 6])
@pytest.mark.parametrize("method", METHODS)
def test_every_kind_of_state_resumes_bit_for_bit(tmp_path: Path, method: str, stop_after: int) -> None:
    given = {"start_epoch": 0.1, "shares": (0.1, 0.5, 0.2, 0.2), **METHODS[method]}
    check_resume(tmp_path, stop_after, Recipe(method, **given))


@pytest.mark.parametrize("stop_after", [2, 4])
@pytest.mark.parametrize("structure", ["block", "channel-block"])
def test_masks_of_blocks_resume_bit_for_bit(tmp_path: Path, structure: str, stop_after: int) -> None:
    given = {"start_epoch": 0.1, "shares": (0.1, 0.5, 0.2, 0.2), "recovery": "rewind"}
    check_resume(tmp_path, stop_after, Recipe("stepwise", structure=structure, **given), residual_network)


def check_resume(folder: Path, stop_after: int, recipe: Recipe, make=mlp_network) -> None:
    whole, history = run(folder / "whole.pt", recipe=recipe, make=make)
    run(folder / "part.pt", stop_after=stop_after, recipe=recipe, make=make)
    resumed, again = run(folder / "part.pt", recipe=recipe, make=make)
    for (name, mine), (_, theirs) in zip(whole.state_dict().items(), resumed.state_dict().items(), strict=True):
        assert torch.equal(mine, theirs) if isinstance(mine, torch.Tensor) else mine == theirs, name
    assert [replace(e, seconds=0) for e in history.epochs] == [replace(e, seconds=0) for e in again.epochs]
    assert history.float_accuracy == again.float_accuracy


def test_it_learns_and_reports(tmp_path: Path) -> None:
    graph = residual_network()
    model = PreparedModel(graph, RECIPE)
    valid = batches_of(graph, 3, seed=3)
    log = tmp_path / "log.csv"
    history = fit(model, batches_of(graph, 20), valid, 10, progress=False, log_csv=log, lr=0.01)
    assert model.frozen
    assert history.float_accuracy > 0.8
    assert history.accuracy == evaluate(model, valid) > 0.7
    assert history.kept == {"stem": (2, 4), "a": (3, 6)}
    phases = [e.phase for e in history.epochs]
    assert [phases.count(p) for p in ("float", "prune", "quantise", "snapped", "frozen")] == [4, 2, 2, 1, 1]
    assert len(log.read_text().splitlines()) == 11
    assert not list(tmp_path.glob("*.part"))


def test_patience_ends_the_last_phase_early(tmp_path: Path) -> None:
    graph, recipe = mlp_network(), replace(RECIPE, shares=(0.1, 0.2, 0.1, 0.6))
    loaders = batches_of(graph, 8), batches_of(graph, 2, seed=9)
    model = PreparedModel(graph, recipe)
    settings = {"progress": False, "checkpoint": tmp_path / "run.pt", "patience": 2}
    history = fit(model, *loaders, 30, **settings)
    assert model.frozen
    assert 14 < len(history.epochs) < 30
    assert history.accuracy == evaluate(model, loaders[1])
    last = [e.valid_accuracy for e in history.epochs if e.phase == "snapped"]
    assert max(last[-2:]) <= max(last[:-2])
    again = PreparedModel(graph, recipe)
    assert fit(again, *loaders, 30, **settings).epochs == history.epochs  # it is over
    assert again.frozen


def test_sgd_milestones_and_no_validation() -> None:
    graph = mlp_network()
    model = PreparedModel(graph, replace(RECIPE, keep=1.0))
    history = fit(model, batches_of(graph, 4), None, 4, optimizer="sgd", schedule="milestones", progress=False)
    assert model.frozen
    assert history.accuracy != history.accuracy  # NaN: nothing was measured
    assert history.kept == {"h1": (8, 8), "h2": (6, 6)}


def test_from_trained_weights() -> None:
    graph = mlp_network()
    dense = PreparedModel(graph, Recipe(method="float"))
    first = fit(dense, batches_of(graph, 8), batches_of(graph, 2, seed=9), 5, progress=False)
    model = PreparedModel(mlp_network(seed=3), replace(RECIPE, shares=(0, 0.3, 0.4, 0.3))).copy_weights(dense)
    history = fit(model, batches_of(graph, 8), batches_of(graph, 2, seed=9), 5, progress=False)
    assert history.float_accuracy == first.accuracy == first.float_accuracy
    assert model.frozen
    with pytest.raises(IntaglioError, match="does not fit"):
        PreparedModel(mlp_network(widths=(5, 9, 6)), RECIPE).copy_weights(dense)


def test_settings_are_checked(tmp_path: Path) -> None:
    graph = mlp_network()
    batches = batches_of(graph, 5)

    def attempt(match: str, loader: object = batches, **settings: object) -> None:
        with pytest.raises(IntaglioError, match=match):
            fit(PreparedModel(graph, RECIPE), loader, **{"epochs": 2, "progress": False, **settings})

    attempt("optimizer = 'lion'", optimizer="lion")
    attempt("schedule = 'line'", schedule="line")
    attempt("0 epochs", epochs=0)
    attempt("patience = 0", patience=0)
    attempt("no batches", loader=[])
    attempt("no length", loader=iter(batches))
    attempt("the loss is nan in epoch 1", loader=[(x * float("nan"), y) for x, y in batches])
    (tmp_path / "bad.pt").write_bytes(b"rubbish")
    attempt("this is no checkpoint", checkpoint=tmp_path / "bad.pt")
    fit(PreparedModel(graph, RECIPE), batches, epochs=2, progress=False, checkpoint=tmp_path / "ok.pt")
    attempt("another run: its lr is 0.002", checkpoint=tmp_path / "ok.pt", lr=0.1)
    (tmp_path / "file").write_text("")
    attempt("cannot write", checkpoint=tmp_path / "file" / "x.pt", resume=False)
