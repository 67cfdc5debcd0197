# shellcheck shell=bash
# Melda Jupyter: say once in a container that git or a virtual environment works in the bucket, and what to do instead.
if [ -n "${BASH_VERSION-}" ] && [ "$(id -un)" = "@USER@" ]; then
    # Succeeds once in a container.
    _melda_first() { mkdir "/run/melda-jupyter/plugins/told-$1" 2>/dev/null; }
    _melda_slow() {
        local folder=$PWD last
        [ -e /run/melda-jupyter/mount ] || return 0 # the project is no bucket
        case ${VIRTUAL_ENV-} in
            "${JUPYTER_WORKDIR-/}"/Python-*) ;; # on local disk
            "${JUPYTER_WORKDIR-/}"/*)
                _melda_first venv && printf '[venv: %s is in the bucket, where a package takes minutes: without it, pip and uv install on local disk, and all is saved; docs: mount.md]\n' "$VIRTUAL_ENV"
                ;;
        esac
        last=$(HISTTIMEFORMAT='' history 1)
        case $last in *git\ *) ;; *) return 0 ;; esac
        # git has just looked for these names itself: that costs no request more.
        while case $folder/ in "${JUPYTER_WORKDIR-/}"/*) ;; *) false ;; esac; do
            if [ -e "$folder/.git" ]; then
                _melda_first git && printf '[git: %s is in the bucket, where a commit of 200 files takes minutes: work in a clone in %s, and push what is to stay; docs: mount.md]\n' "$folder" ~
                return 0
            fi
            folder=${folder%/*}
        done
    }
    case $- in *i*) PROMPT_COMMAND="_melda_slow${PROMPT_COMMAND:+; $PROMPT_COMMAND}" ;; esac
fi
