"""Frames side by side on all cores.

NumPy's element-wise operations use one core, and a multi-threaded BLAS waits for all of its threads in every small
product, which stalls on a busy machine. So each core runs whole frames on its own, with BLAS held to one thread.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TypeVar

import numpy as np

Part = TypeVar("Part")
_users = 0
_before = 1
_lock = threading.Lock()


def workers() -> int:
    """How many threads may work: as many as BLAS was given (OMP_NUM_THREADS, cores), 1 where it cannot be asked."""
    blas = _openblas()
    return _before if _users else blas[0]() if blas else 1


def for_each(work: Callable[[Part], None], parts: Sequence[Part], count: int) -> None:
    """work(part) for every part, on up to `count` threads. An exception of one of them is raised."""
    if min(count, len(parts)) <= 1:
        for part in parts:
            work(part)
        return
    with _one_blas_thread(), ThreadPoolExecutor(min(count, len(parts))) as pool:
        for _ in pool.map(work, parts):
            pass


@contextmanager
def _one_blas_thread() -> Iterator[None]:
    """Several simulations may run at a time: the first one in holds BLAS to one thread, the last one out lets go."""
    global _users, _before  # noqa: PLW0603
    blas = _openblas()
    if blas is None:
        yield
        return
    get, put = blas
    with _lock:
        if not _users:
            _before = get()
            put(1)
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if not _users:
                put(_before)


@cache
def _openblas() -> tuple[Callable[[], int], Callable[[int], None]] | None:
    """(get, set) of the number of threads of the OpenBLAS that NumPy's wheels carry; None with any other BLAS."""
    root = Path(np.__file__).parent
    for folder in (root.with_name("numpy.libs"), root / ".dylibs"):
        for path in sorted(folder.glob("*openblas*")):
            try:
                library = ctypes.CDLL(str(path))
            except OSError:
                continue
            for suffix in ("64_", ""):
                get = getattr(library, f"scipy_openblas_get_num_threads{suffix}", None)
                put = getattr(library, f"scipy_openblas_set_num_threads{suffix}", None)
                if get is not None and put is not None:
                    put.restype = None
                    return get, put
    return None
