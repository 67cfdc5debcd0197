"""melda-env: an environment written down, compared, and made again in another container; see docs/envs.md."""

from typing import Any, Dict

Json = Dict[str, Any]
