"""Makes the kit's own test material importable, here and in the processes that the laws start."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
