"""Hardware in the loop: `search`, and what it gives back."""

from .front import Row, SearchResult
from .run import search

__all__ = ["Row", "SearchResult", "search"]
