"""Recoveries: what happens to the weights that stay, once a mask is made."""

RECOVERIES = ("retrain", "rewind", "re-initialise")
