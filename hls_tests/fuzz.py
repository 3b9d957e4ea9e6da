"""Random networks against the whole tool: load == rational == simulator, and for a share of them == HLS == RTL.

    python hls_tests/fuzz.py --count 2000 --rtl 200 --seed 0 --jobs 2
    python hls_tests/fuzz.py --hostile 400       # corrupted files: each a clear error, in bounded time and memory
    python hls_tests/fuzz.py --only 1234         # one network again: prints it, and its verdict

Exits with 1 if any network differs, crashes, or takes too long, and lists their seeds.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import onnx
from onnx_reference.fuzz_networks import random_network
from onnx_reference.fuzzing import Verdict, build, judge, resist
from rich.console import Console
from rich.progress import track
from rich.table import Table

MEMORY = 6 * 2**30
"""Bytes of address space for one worker: what loads must fit, and a hostile file that asks for more fails."""

console = Console()


def _limit_memory() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def _each(work: Callable[[int], Verdict], seeds: Iterable[int], jobs: int, title: str) -> list[Verdict]:
    """In processes of their own. Where one dies, the seeds that it may have had run alone, and the others go on."""
    waiting, verdicts = list(seeds), []
    while waiting:
        gone = []
        with ProcessPoolExecutor(jobs, initializer=_limit_memory, mp_context=get_context("spawn")) as pool:
            futures = {pool.submit(work, seed): seed for seed in waiting}
            for future in track(as_completed(futures), title, total=len(futures), console=console):
                try:
                    verdicts.append(future.result())
                except BrokenProcessPool:
                    gone.append(futures[future])
        gone.sort()
        if len(waiting) == 1:
            verdicts += [Verdict(seed, "crash", "the process died") for seed in gone]
            break
        suspects, waiting = gone[: 2 * jobs], gone[2 * jobs :]
        for seed in suspects:
            verdicts += _each(work, [seed], 1, f"seed {seed} alone")
    return sorted(verdicts, key=lambda each: each.seed)


def _table(title: str, verdicts: list[Verdict]) -> None:
    refused = Counter(each.why for each in verdicts if each.outcome == "refused")
    if not refused:
        return
    table = Table("networks", "why", title=title, title_justify="left")
    for why, count in refused.most_common(40):
        table.add_row(str(count), why, style=None)
    console.print(table, markup=False)


def _failures(verdicts: list[Verdict]) -> list[Verdict]:
    failed = [each for each in verdicts if each.failed]
    for each in failed:
        console.print(f"seed {each.seed}: {each.outcome}: {each.why}", markup=False, highlight=False, soft_wrap=True)
    return failed


def _count(verdicts: list[Verdict]) -> str:
    return ", ".join(
        f"{count} {outcome}" for outcome, count in Counter(each.outcome for each in verdicts).most_common()
    )


def _one(seed: int, rtl: bool) -> int:
    model = random_network(seed)
    console.print(onnx.printer.to_text(model), markup=False, highlight=False, soft_wrap=True)
    verdict = build(seed) if rtl else judge(seed)
    console.print(f"seed {seed}: {verdict.outcome} {verdict.why}", markup=False, soft_wrap=True)
    return int(verdict.failed)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=2000, help="random networks to load and simulate")
    parser.add_argument("--rtl", type=int, default=200, help="how many of those that load go through HLS and RTL")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--hostile", type=int, default=0, help="corrupted files instead of networks")
    parser.add_argument("--only", type=int, help="one seed, printed; through HLS and RTL too if --rtl 1")
    options = parser.parse_args(arguments)
    if options.only is not None:
        return _one(options.only, options.rtl == 1)
    began = time.monotonic()
    os.environ["OMP_NUM_THREADS"] = "1"  # the workers inherit it: they are as many as the cores
    if options.hostile:
        verdicts = _each(resist, range(options.seed, options.seed + options.hostile), options.jobs, "hostile files")
        failed = _failures(verdicts)
        console.print(f"{options.hostile} hostile files: {_count(verdicts)} in {time.monotonic() - began:.0f} s")
        return int(bool(failed))
    verdicts = _each(judge, range(options.seed, options.seed + options.count), options.jobs, "load and simulate")
    _table("refused", verdicts)
    loaded = [each.seed for each in verdicts if each.outcome in {"equal", "last bit"}]
    chosen = (
        [loaded[at * len(loaded) // options.rtl] for at in range(min(options.rtl, len(loaded)))] if options.rtl else []
    )
    built = _each(build, sorted(set(chosen)), options.jobs, "HLS and RTL") if chosen else []
    _table("refused by compile", built)
    failed = _failures([*verdicts, *built])
    line = f"{options.count} networks from seed {options.seed}: {_count(verdicts)}"
    console.print(
        f"{line}; {len(built)} through HLS and RTL: {_count(built) or 'none'}; {time.monotonic() - began:.0f} s"
    )
    if failed:
        console.print("failed seeds:", " ".join(str(each.seed) for each in failed))
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
