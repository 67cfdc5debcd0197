"""Whether what kernels run in starts at all."""

from __future__ import annotations

import shlex
from typing import List

from tasks.facts.files import DONE, Judged
from tasks.facts.r import LIBRARIES
from tasks.lib.staging import RSCRIPT

_R = (
    "lost <- setdiff(normalizePath(Filter(dir.exists, commandArgs(TRUE))), .libPaths());"
    " if (length(lost)) stop('it does not look into ', toString(lost), call. = FALSE);"
    # Where it was never installed, a preview would say that this fails; the run installs it first.
    " if (any(dir.exists(file.path(commandArgs(TRUE), 'IRkernel')))) find.package('IRkernel'); cat('it is', 'whole')"
)
_PYTHON = "print('it is', 'whole')"


class StartProblems(Judged):
    """Why R or the environment's Python does not start as a kernel needs it, a line each; none where there is none. pyinfra has
    no such fact.

    What people write into R's own configuration, or put beside the environment's packages, stays, and may be what they stop at.

    Args:
        env: path of the virtual environment.
        uid: of the user, whose kernels start as the user: what is in R's configuration may be the user's own until a later
            operation sees to it, and root must not run that.
    """

    takes_long = True  # it starts R

    def command(self, env: str, uid: int) -> str:
        programs = {
            RSCRIPT: ["--no-init-file", "-e", _R, *LIBRARIES],
            f"{env}/bin/python": ["-c", _PYTHON],
        }
        problems = "".join(self._problem(program, words, uid) for program, words in programs.items())
        return f"g=--clear-groups; if getent passwd {uid} >/dev/null; then g=--init-groups; fi; {problems} echo {DONE}"

    @staticmethod
    def _problem(program: str, words: List[str], uid: int) -> str:
        # With neither variables nor a profile of whoever asks, and not where a project is: R reads the .Renviron there, and runs
        # the profile that it names.
        bare = (
            f"cd / && timeout -s KILL 60 setpriv --reuid={uid} --regid={uid} $g --no-new-privs"
            " env -i PATH=/usr/bin:/bin HOME=/nonexistent R_ENVIRON_USER= LC_ALL=C.UTF-8"
        )
        arguments = " ".join(map(shlex.quote, words))
        return (
            f"if [ -e {program} ]; then o=$({bare} {program} {arguments} 2>&1 </dev/null); s=$?;"
            # What comes before the error is a profile's own, and a line may be long.
            ' case $o in *"it is whole"*);; *) o=$(printf %s "$o" | grep -v "^Execution halted" | tail -n 2 | xargs -r -d "\\n");'
            f' printf "{program}: %.200s\\n" "${{o:-it ended with $s}}";; esac; fi;'
        )
