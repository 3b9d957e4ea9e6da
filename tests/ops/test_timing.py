"""timing: registers for a clock, and where on a path they go."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st
from intaglio.ops.timing import REGISTER_NS, Path, adder_ns, logic_ns, registers, room_ns

PIECES = st.lists(st.integers(0, 9), min_size=1, max_size=7)


def longest(pieces: list[int], cut: set[int]) -> int:
    """Nanoseconds between two registers, at most."""
    found, total = 0, 0
    for place, ns in enumerate(pieces):
        total += ns
        found = max(found, total)
        if place in cut:
            total = 0
    return found


@given(PIECES, st.sets(st.integers(0, 5)))
def test_registers_go_where_the_longest_way_is_shortest(pieces: list[int], held: set[int]) -> None:
    fixed = {place for place in held if place < len(pieces) - 1}
    path = Path(tuple((str(place), ns) for place, ns in enumerate(pieces)), frozenset(map(str, fixed)))
    free = [place for place in range(len(pieces) - 1) if place not in fixed]
    assert path.most == 1 + len(free)
    assert path.rows == 1 + len(fixed)
    best = {}
    for stages in range(1, path.most + 1):
        got = {int(name) for name in path.registers(stages)}
        assert len(got) == stages - 1
        assert got <= set(free)
        best[stages] = min(longest(pieces, fixed | set(cut)) for cut in combinations(free, stages - 1))
        assert longest(pieces, fixed | got) == best[stages]
    for clock in (60, 100, 150, 250, 999):
        room = max(room_ns(clock), *pieces)  # a piece too long for the clock stands alone
        fits = [stages for stages, ns in best.items() if ns <= room]
        if max(pieces) <= room_ns(clock):
            assert path.stages(clock) == min(fits)
        else:
            assert 1 <= path.stages(clock) <= path.most


def test_registers_for_a_clock() -> None:
    assert [registers(9.0, clock) for clock in (50, 100, 101, 200, 2000)] == [1, 1, 2, 3, 9]
    assert registers(0.0, 100) == 1
    assert 1000 / 100 - REGISTER_NS == room_ns(100) == 9
    assert [logic_ns(n) for n in (1, 2, 6, 7, 36, 37)] == [0, 1, 1, 2, 2, 3]
    assert adder_ns(8) < adder_ns(9)
