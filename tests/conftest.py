"""Settings for all tests.

Continuous integration draws the same Hypothesis examples every time, so that it answers for the change and not for
luck; at a desk every run draws new ones.
"""

import os

from hypothesis import settings

settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")
