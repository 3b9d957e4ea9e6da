"""The public data sets of the examples, as batches of tensors, which is much faster than a DataLoader of samples."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import intaglio
import numpy as np
import torch
from torch import Tensor


class TensorBatches:
    """A data set held in memory, batch by batch.

    shuffle: in a new order every epoch (of torch's own random numbers). shift: move every image by up to so many
    pixels.
    """

    def __init__(self, x: Tensor, y: Tensor, batch: int, *, shuffle: bool = False, shift: int = 0) -> None:
        self.x, self.y, self.batch, self.shuffle, self.shift = x, y, batch, shuffle, shift

    def __len__(self) -> int:
        whole, rest = divmod(len(self.x), self.batch)
        return whole + (rest > 0 and not self.shuffle)  # training leaves out a last, smaller batch

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        order = torch.randperm(len(self.x)) if self.shuffle else torch.arange(len(self.x))
        for number in range(len(self)):
            chosen = order[number * self.batch : (number + 1) * self.batch]
            x = self.x[chosen]
            yield (moved(x, self.shift) if self.shift else x), self.y[chosen]


def moved(x: Tensor, by: int) -> Tensor:
    """Each image (batch, channels, height, width) moved by up to `by` pixels in both directions; zeros come in."""
    count, _, height, width = x.shape
    padded = torch.nn.functional.pad(x, (by, by, by, by))
    down, right = torch.randint(0, 2 * by + 1, (2, count))
    rows = (down[:, None] + torch.arange(height))[:, None, :, None]
    columns = (right[:, None] + torch.arange(width))[:, None, None, :]
    sample = torch.arange(count)[:, None, None, None]
    channel = torch.arange(x.shape[1])[None, :, None, None]
    return padded[sample, channel, rows, columns]


def digits() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The 1,797 digits of 8x8 in [0, 1], every fifth held out: x_train, y_train, x_valid, y_valid."""
    from sklearn.datasets import load_digits

    found = load_digits()
    x = torch.tensor(found.images[:, None] / 16, dtype=torch.float32)
    y = torch.tensor(found.target, dtype=torch.int64)
    held_out = torch.arange(len(x)) % 5 == 0
    return x[~held_out], y[~held_out], x[held_out], y[held_out]


def mnist() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """MNIST in [0, 1]: 60,000 images of 28x28 to train on, 10,000 to test. x_train, y_train, x_test, y_test.

    From `$INTAGLIO_DATA/mnist.npz` (x_train, y_train, x_test, y_test) where there is one, else from OpenML.
    """
    if (file := local("mnist.npz")) is not None:
        with np.load(file) as found:
            arrays = [found[name] for name in ("x_train", "y_train", "x_test", "y_test")]
    else:
        arrays = _mnist_from_openml()
    x_train, y_train, x_test, y_test = (torch.from_numpy(np.ascontiguousarray(array)) for array in arrays)
    images = [x.reshape(-1, 1, 28, 28).to(torch.float32) / 255 for x in (x_train, x_test)]
    return images[0], y_train.to(torch.int64), images[1], y_test.to(torch.int64)


def local(name: str) -> Path | None:
    """A file of the folder that `INTAGLIO_DATA` names, where it is there."""
    folder = os.environ.get("INTAGLIO_DATA")
    path = Path(folder or ".") / name
    return path if folder is not None and path.exists() else None


def _mnist_from_openml() -> list[np.ndarray]:
    from sklearn.datasets import fetch_openml

    try:
        x, y = fetch_openml("mnist_784", version=1, return_X_y=True, as_frame=False, parser="liac-arff")
    except OSError as error:
        raise intaglio.IntaglioError(
            f"cannot download MNIST: {error}", hint="put mnist.npz into a folder and name it in INTAGLIO_DATA"
        ) from None
    x, y = x.astype(np.uint8), y.astype(np.int64)
    return [x[:60000], y[:60000], x[60000:], y[60000:]]
