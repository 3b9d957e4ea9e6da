"""Every operator that is registered and can be built, through g++ and Verilator: none goes without a bench."""

from pathlib import Path

from harness import Case, check
from intaglio.flow.specimens import draw
from intaglio.ir import Op

EACH = 2


def test_every_registered_operator_gives_its_integers_in_its_cycles(tmp_path: Path) -> None:
    built = [
        n for n, c in Op.registry.items() if c.__module__.startswith("intaglio.ops.") and c.params is not Op.params
    ]
    cases = [Case(f"{name}_{index}", *draw(name, index)) for name in built for index in range(EACH)]
    assert len(cases) >= 10 * EACH
    check(cases, tmp_path)
