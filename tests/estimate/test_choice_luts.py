"""What a register takes that chooses among inputs by a counter, counted again by trying every way of two levels."""

from __future__ import annotations

import pytest
from intaglio.estimate.features.choices import luts_of, selection_luts

INPUTS = 6
"""Of a LUT."""


def fewest(inputs: int, beside: int, place: int) -> int | None:
    """LUTs of the best of all ways to give each input to a LUT of its own level, or to the last LUT with what lets it
    through; None where no way has room. A LUT before the last one takes the counter once for all of its inputs.
    """
    if inputs + beside + place <= INPUTS:
        return 1
    ways = []
    for last in range(inputs + 1):
        others, each = inputs - last, INPUTS - place
        if others and each < 1:
            continue
        before = -(-others // each) if others else 0
        if 2 * last + before + beside <= INPUTS:
            ways.append(1 + before)
    return min(ways, default=None)


@pytest.mark.parametrize("beside", [0, 1])
@pytest.mark.parametrize("place", range(1, 8))
def test_selections_take_as_few_luts_as_two_levels_can(beside: int, place: int) -> None:
    for inputs in range(1, 16):
        found = fewest(inputs, beside, place)
        expected = luts_of(2 * inputs + beside) if found is None else found
        assert selection_luts(inputs, beside, place) == expected, inputs


def test_what_nothing_comes_to_is_a_wire() -> None:
    assert selection_luts(0, 1, 5) == 0
