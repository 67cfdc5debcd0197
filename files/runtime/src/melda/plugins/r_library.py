"""The user's own R packages: a library in the project, which R looks into first."""

from __future__ import annotations

import os
import stat

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
  # Packages that a starting container restores are waited for, at most 50 s, and 300 s after its start nobody waits.
  for (i in 1:1000)
    if (isTRUE(difftime(Sys.time(), file.mtime("{restoring}"), units = "secs") < 300)) Sys.sleep(0.05) else break
  # Of a package that the project had with another R it is said that it is coming, or why it could not be had.
  found <- get0("packageNotFoundError", baseenv(), inherits = FALSE)
  if (is.function(found) && is.null(attr(found, "melda"))) {{
    told <- function(package, lib.loc, call = NULL) {{
      error <- found(package, lib.loc, call)
      why <- tryCatch({{
        lines <- strsplit(readLines("{missing}", warn = FALSE), "\t", fixed = TRUE)
        Filter(function(one) length(one) == 3L && one[[1L]] == "r" && one[[2L]] %in% package, lines)
      }}, error = function(e) NULL, warning = function(w) NULL)
      if (length(why)) error$message <- paste0(error$message, " (", why[[1L]][[3L]], ")")
      error
    }}
    attr(told, "melda") <- TRUE
    base <- baseenv()
    unlockBinding("packageNotFoundError", base)
    assign("packageNotFoundError", told, base)
    lockBinding("packageNotFoundError", base)
  }}
  # One that the user deleted in a container that runs is made again, or R would say that the image's library cannot be written.
  if (!dir.exists(plugins) && !(dir.exists(dirname("{restoring}")) && dir.create(plugins, showWarnings = FALSE))) return()
  image <- setdiff(.libPaths(), normalizePath(plugins))  # R_LIBS_USER names it too
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
    """Return what Rprofile.site says about the user's packages."""

    def quoted(text: str) -> str:
        return text.replace("\\", "\\\\").replace('"', '\\"')

    return PROFILE.format(workdir=quoted(workdir), user=quoted(user), restoring=state.RESTORING, missing=state.MISSING)


def make(library: str) -> None:
    """Make the library."""
    folders.make(library)


def _is_complete(package: str) -> bool:
    return os.path.isfile(os.path.join(package, "Meta", "package.rds"))


def repair(library: str) -> None:
    """After a container that was interrupted: R's locks would stop every new installation of that package.

    R keeps the old version in the lock until the new one is complete; it goes back to its place. Nothing may be
    installing meanwhile.
    """
    names = os.listdir(library)
    for lock in names:
        if lock.startswith("00LOCK"):
            try:
                _mend(library, lock)
                one = lock[len(LOCK) :] if lock.startswith(LOCK) else ""
                # One of the folder's own names: not "..".
                if one in names and not _is_complete(os.path.join(library, one)):
                    folders.clear(os.path.join(library, one))
            except OSError:  # no lock that R has made; yet R takes it for one, and so does who waits for R
                folders.move_aside(os.path.join(library, lock), keep_name=False)


def _mend(library: str, lock: str) -> None:
    path = os.path.join(library, lock)
    if not stat.S_ISDIR(os.lstat(path).st_mode):
        raise NotADirectoryError(path)
    folders.check(path)
    # 00LOCK-NAME for one package, 00LOCK for several
    for name in os.listdir(path):
        old, place = os.path.join(path, name), os.path.join(library, name)
        if name != "00new" and _is_complete(old) and not _is_complete(place):
            folders.clear(place)
            os.rename(old, place)
    folders.clear(path)
