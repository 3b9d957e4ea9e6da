"""The bit-accurate simulator: an integer graph on batches of frames, in NumPy, exactly.

- `interpreter`  `run` on integers, with probes; `first_divergence` from what something else computed
- `border`       the source model's arrays (NCHW, real values) to integers and back
- `plan`         what is prepared once per graph
"""

from .border import quantise_input, simulate
from .interpreter import Divergence, first_divergence, run

__all__ = ["Divergence", "first_divergence", "quantise_input", "run", "simulate"]
