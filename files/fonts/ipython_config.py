"""IPython's configuration for all users, read when a kernel starts; ~/.ipython and ``plt.rcParams`` have the last word."""

from __future__ import annotations

c = get_config()  # type: ignore[name-defined]  # noqa: F821

# matplotlib takes each letter from the first font that has it, and warns of those it finds nowhere. R asks fontconfig.
c.InlineBackend.rc = {"font.family": ["DejaVu Sans", "WenQuanYi Micro Hei", "Lohit Devanagari", "Loma"]}
