"""Take an action, and print the seconds that it takes: ``timed.py NAME``. What it imports is there before, as in Jupyter."""

import importlib
import sys
import time


def main() -> None:
    """Take it."""
    action = importlib.import_module(sys.argv[1])
    began = time.monotonic()
    action.act()
    print(time.monotonic() - began)


if __name__ == "__main__":
    main()
