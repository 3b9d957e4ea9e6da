"""One random network, or one hostile file, through the product: load, simulate, and build, compared with the reference.

`judge(seed)`: load == rational == simulator. `build(seed)`: the same, then HLS and RTL. `resist(seed)`: a hostile file.
Each answers with a `Verdict`; nothing is raised. A refusal (`IntaglioError`) is an answer, not a failure.
"""

from __future__ import annotations

import re
import signal
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import onnx

from .fuzz_networks import random_inputs, random_network
from .hostile import MAY_LOAD, corrupted
from .rational import Reference

SECONDS = 60
BUILD_SECONDS = 600
SHORT = 120


@dataclass(frozen=True)
class Verdict:
    """outcome: `equal`, `last bit`, `built`, `refused`, or a failure: `different`, `crash`, `slow`, `loaded`."""

    seed: int
    outcome: str
    why: str = ""

    @property
    def failed(self) -> bool:
        return self.outcome not in {"equal", "last bit", "built", "refused"}


class TooSlowError(Exception):
    pass


@contextmanager
def limited(seconds: int) -> Iterator[None]:
    """Raises TooSlowError in the main thread when the time is up."""

    def stop(_: int, __: FrameType | None) -> None:
        raise TooSlowError

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _guarded(seed: int, seconds: int, work: Callable[[], Verdict]) -> Verdict:
    from intaglio import IntaglioError

    try:
        with limited(seconds), warnings.catch_warnings():
            warnings.simplefilter("error")
            return work()
    except IntaglioError as error:
        return Verdict(seed, "refused", reason(error))
    except TooSlowError:
        return Verdict(seed, "slow", f"no answer within {seconds} s")
    except Exception as error:  # whatever it is, it is the finding
        last = traceback.extract_tb(error.__traceback__)[-1]
        return Verdict(seed, "crash", f"{type(error).__name__}: {error} ({Path(last.filename).name}:{last.lineno})")


def reason(error: Any) -> str:
    """What is wrong, without the names and numbers of this network: refusals are counted by it."""
    text = re.sub(r"\b[tcx]\d+\b|'[^']*'|-?\d[\d.e+-]*", "…", error.what)
    return text[:SHORT]


def judge(seed: int, samples: int = 4) -> Verdict:
    """load == rational == simulator, on every sample."""
    model = random_network(seed)
    return _guarded(seed, SECONDS, lambda: compare(seed, model, samples))


def compare(seed: int, model: onnx.ModelProto, samples: int = 4) -> Verdict:
    import intaglio

    inputs = random_inputs(model, seed, samples)
    expected = _expected(model, inputs)
    with tempfile.TemporaryDirectory(prefix="fuzz_") as folder:
        path = Path(folder) / f"seed_{seed}.onnx"
        onnx.save(model, path)
        graph = intaglio.load(path)
    answers = intaglio.simulate(graph, stacked(inputs))
    answers = answers if isinstance(answers, tuple) else (answers,)
    if len(answers) != len(expected):
        return Verdict(seed, "different", f"{len(answers)} outputs instead of {len(expected)}")
    last_bit = False
    for (name, exact), answer in zip(expected.items(), answers, strict=True):
        if answer.shape != exact.shape:
            return Verdict(seed, "different", f"{name} is {answer.shape} instead of {exact.shape}")
        for at in np.ndindex(exact.shape):
            same = agreement(float(answer[at]), exact[at])
            if not same:
                where = f"{name}{list(at)} is {answer[at]!r} instead of {float(exact[at])!r} ({exact[at]})"
                return Verdict(seed, "different", where)
            last_bit |= same == "last bit"
    return Verdict(seed, "last bit" if last_bit else "equal")


def agreement(answer: float, exact: Fraction) -> str:
    """`equal`: the number itself, or the float64 nearest to it. `last bit`: badly rounded, but no float64 can hold it.

    Empty otherwise. A real-valued output is codes times scales; where their product has no float64, two roundings
    differ in the last bit, which is no integer's fault.
    """
    if not np.isfinite(answer):
        return ""
    if Fraction(answer) == exact or answer == float(exact):
        return "equal"
    representable = Fraction(float(exact)) == exact
    near = abs(Fraction(answer) - exact) <= Fraction(4 * float(np.spacing(abs(float(exact)))))
    return "last bit" if near and not representable else ""


def stacked(inputs: list[dict[str, Any]]) -> Any:
    """Samples of one frame as one batch: an array, or a dict of them where there are several inputs."""
    joined = {name: np.concatenate([each[name] for each in inputs]) for name in inputs[0]}
    return joined if len(joined) > 1 else next(iter(joined.values()))


def _expected(model: onnx.ModelProto, inputs: list[dict[str, Any]]) -> dict[str, Any]:
    reference = Reference(model)
    answers = [reference(each) for each in inputs]
    return {name: np.concatenate([each[name] for each in answers]) for name in answers[0]}


def build(seed: int, samples: int = 4, backends: tuple[str, ...] = ("hls", "rtl")) -> Verdict:
    """load == rational == simulator == HLS == RTL."""
    model = random_network(seed)

    def work() -> Verdict:
        import intaglio

        first = compare(seed, model, samples)
        if first.failed:
            return first
        with tempfile.TemporaryDirectory(prefix="fuzz_") as folder:
            path = Path(folder) / f"seed_{seed}.onnx"
            onnx.save(model, path)
            design = intaglio.compile(intaglio.load(path))
            result = design.verify(stacked(random_inputs(model, seed, samples)), backends=backends, seed=seed)
        if not result.passed:
            counts = f"{result.hls_mismatches} differ in HLS, {result.rtl_mismatches} in RTL"
            return Verdict(seed, "different", f"{counts}: {result.divergence}"[:500])
        return Verdict(seed, "built")

    return _guarded(seed, BUILD_SECONDS, work)


def resist(seed: int, seconds: int = 20) -> Verdict:
    """A hostile file: refused in words that a terminal can show, or loaded where that is no mistake."""
    name, data = corrupted(seed)

    def work() -> Verdict:
        import intaglio

        with tempfile.TemporaryDirectory(prefix="fuzz_") as folder:
            path = Path(folder) / "hostile.onnx"
            path.write_bytes(data)
            try:
                intaglio.load(path)
            except intaglio.IntaglioError as error:
                return Verdict(seed, "refused", f"{name}: {reason(error)}") if readable(error) else _unreadable(error)
        damaged = name.startswith(("cut at", "bits flipped"))
        return Verdict(seed, "equal" if damaged or name in MAY_LOAD else "loaded", name)

    def _unreadable(error: Exception) -> Verdict:
        return Verdict(seed, "crash", f"{name}: the message cannot be shown: {str(error)[:SHORT]!r}")

    verdict = _guarded(seed, seconds, work)
    return verdict if name in verdict.why else Verdict(seed, verdict.outcome, f"{name}: {verdict.why}")


def readable(error: Exception) -> bool:
    """Not empty, not endless, and nothing in it that would steer a terminal."""
    text = str(error)
    return 10 <= len(text) <= 5000 and all(letter == "\n" or letter.isprintable() for letter in text)
