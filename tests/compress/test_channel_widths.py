"""Weights of as many bits as each output channel has been given."""

from __future__ import annotations

import json
from pathlib import Path

import intaglio
import numpy as np
import pytest
import torch
from compress_networks import batches_of, residual_network
from intaglio.compress import PreparedModel, Recipe
from intaglio.errors import IntaglioError

WIDTHS = {"stem": (8, 2, 4, 3), "*": 5}


def _recipe(**given: object) -> Recipe:
    return Recipe(**{"keep": 1.0, "weight_bits": WIDTHS, **given})


@pytest.mark.parametrize("ranges", ["running", "search"])
def test_each_channel_keeps_to_its_own_width_and_the_graph_to_the_model(ranges: str) -> None:
    model = PreparedModel(residual_network(), _recipe(ranges=ranges))
    batches = batches_of(model.graph)
    intaglio.fit(model, batches, batches, 3, progress=False)
    codes = np.abs(model.frozen_graph().by_name["stem"].op.weight).reshape(4, -1)
    for row, bits in zip(codes, WIDTHS["stem"], strict=True):
        assert row.max() <= 2 ** (bits - 1) - 1
        assert ranges == "search" or row.max() == 2 ** (bits - 1) - 1
    x = batches[0][0]
    found = intaglio.simulate(intaglio.lower(model), x.numpy())
    assert np.array_equal(found, model(x).detach().numpy())


def test_a_checkpoint_and_a_file_keep_the_widths(tmp_path: Path) -> None:
    model = PreparedModel(residual_network(), _recipe())
    batches = batches_of(model.graph)
    intaglio.fit(model, batches, None, 2, progress=False, checkpoint=tmp_path / "run.pt")
    again = PreparedModel(residual_network(), _recipe())
    intaglio.fit(again, batches, None, 2, progress=False, checkpoint=tmp_path / "run.pt")
    assert torch.equal(model(batches[0][0]), again(batches[0][0]))
    recipe = Recipe.from_dict(json.loads(json.dumps(_recipe().to_dict())))
    assert recipe == _recipe()
    assert recipe.bits_of("weight_bits", "stem") == (8, 2, 4, 3)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"weight_bits": {"stem": (4, 4)}}, "weight_bits lists 2 widths for 4 output channels"),
        (
            {"weight_bits": {"fc": (4, 4, 4)}},
            "the last layer's outputs have one scale, so its weights have one width",
        ),
        ({"weight_bits": {"stem": (4, 1, 4, 4)}}, "weight_bits of stem = 1 makes no sense"),
        ({"weight_bits": (4, 4)}, "weight_bits = (4, 4) makes no sense"),
        ({"codebook": "cluster"}, "weight_bits by channel with these levels makes no sense"),
        ({"ranges": "learned"}, "weight_bits by channel with these levels makes no sense"),
    ],
)
def test_widths_that_do_not_fit_are_refused(given: dict, said: str) -> None:
    with pytest.raises(IntaglioError) as caught:
        PreparedModel(residual_network(), _recipe(**given))
    assert said in str(caught.value)
