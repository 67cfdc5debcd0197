"""What makes the documentation's site: navigation, pages of the sources, the generated reference, checks."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
