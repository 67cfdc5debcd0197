"""The host's side: what stands between ``make up`` on a fresh host and a running notebook."""

import tasks  # noqa: F401 - makes the image's own program importable, which knows its paths and ports
