"""hls_tests/ is on the path, so that its benches import `harness`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
