"""The concerns of deploy.py, a module each."""

import sys
from pathlib import Path

# The program of the image knows paths and text files too: what both sides know is written once.
RUNTIME = str(Path(__file__).resolve().parent.parent / "files" / "runtime" / "src")
if RUNTIME not in sys.path:
    sys.path.append(RUNTIME)
