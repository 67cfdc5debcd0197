"""The user's own R packages: a library in the project, which R looks into first."""

from __future__ import annotations

import os
import shutil

from melda.base import folders
from melda.plugins import state

LOCK = "00LOCK-"

# The version is R's own, asked when it starts. For the user alone: root must not load what users can write.
# A kernel that does not start with the user's packages starts with the image's; the user's come back afterwards,
# to be repaired or removed.
PROFILE = """\
local({{
  plugins <- file.path("{workdir}", paste0("R-", getRversion()))
  user <- Sys.info()[["effective_user"]]
  if (!identical(user, "{user}")) return()
  # Packages that a starting container brings back are waited for, at most 50 s, and 300 s after its start nobody waits.
  for (i in 1:1000)
    if (isTRUE(difftime(Sys.time(), file.mtime("{restoring}"), units = "secs") < 300)) Sys.sleep(0.05) else break
  if (!dir.exists(plugins)) return()
  image <- .libPaths()
  .libPaths(c(plugins, image))
  if (any(grepl("IRkernel", commandArgs(), fixed = TRUE)))
    tryCatch(loadNamespace("IRkernel"), error = function(e) {{
      message("a package in ", plugins, " keeps the R kernel from starting (", conditionMessage(e),
              "). It runs with the image's packages. To remove it: remove.packages(NAME)")
      .libPaths(image)
      loadNamespace("IRkernel")
      .libPaths(c(plugins, image))
    }})
}})
"""


def profile(workdir: str, user: str) -> str:
    """What Rprofile.site says about the user's packages.

    Args:
        workdir: absolute path of the project.
        user: login name.
    """

    def quoted(text: str) -> str:
        return text.replace("\\", "\\\\").replace('"', '\\"')

    return PROFILE.format(workdir=quoted(workdir), user=quoted(user), restoring=state.RESTORING)


def make(library: str) -> None:
    """Make the library.

    Raises:
        OSError: it cannot be made.
    """
    folders.make(library)


def _is_complete(package: str) -> bool:
    return os.path.isfile(os.path.join(package, "Meta", "package.rds"))


def mend(library: str) -> None:
    """After a container that was cut off: R's locks would stop every new installation of that package.

    R keeps the old version in the lock until the new one is complete; it goes back to its place. Nothing may be
    installing meanwhile.

    Raises:
        OSError: the library cannot be read.
    """
    for lock in os.listdir(library):
        if not lock.startswith("00LOCK"):
            continue
        # 00LOCK-NAME for one package, 00LOCK for several
        for name in os.listdir(os.path.join(library, lock)):
            old, place = os.path.join(library, lock, name), os.path.join(library, name)
            if name != "00new" and _is_complete(old) and not _is_complete(place):
                shutil.rmtree(place, ignore_errors=True)
                os.rename(old, place)
        shutil.rmtree(os.path.join(library, lock), ignore_errors=True)
        one = lock[len(LOCK) :] if lock.startswith(LOCK) else ""
        if one and not _is_complete(os.path.join(library, one)):
            shutil.rmtree(os.path.join(library, one), ignore_errors=True)
