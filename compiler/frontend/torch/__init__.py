"""A PyTorch module -> the float source graph, through torch.export."""

from .translate import check, trace

__all__ = ["check", "trace"]
