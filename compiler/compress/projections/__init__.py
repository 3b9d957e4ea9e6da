"""Projections: from scores and weights to the nearest thing that a budget allows; they compose."""

from .levels import on_levels
from .select import SELECTIONS, Candidates, channels_kept

PROJECTIONS = (*SELECTIONS, "levels")

__all__ = ["PROJECTIONS", "SELECTIONS", "Candidates", "channels_kept", "on_levels"]
