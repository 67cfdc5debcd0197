"""Parts of the deploy, each what one layer of an image holds: deploy files of pyinfra's, which the Dockerfiles run.

What changes seldom comes first. A layer is made again when a file changes that its step reads, and all above it with it, so
each Dockerfile lists these files (docs/layers.md). The last step of each image is the whole deploy.
"""

from __future__ import annotations

from tasks import settings
from tasks.lib import call_stack, fact_cache, progress


def accepted() -> bool:
    """Begin as deploy.py does; are the settings right?"""
    call_stack.enable()
    fact_cache.enable()
    progress.show()
    return settings.accepted()
