# shellcheck shell=bash
# Melda Jupyter: say in a terminal when what was installed is in the project's bucket, or why it is not.
if [ -n "${BASH_VERSION-}" ] && [ "$(id -un)" = "@USER@" ]; then
    _melda_plugins() {
        local line=
        # A builtin: it costs a prompt nothing.
        { read -r line </run/melda-jupyter/plugins/state; } 2>/dev/null
        if [ -n "$line" ] && [ "$line" != "${_melda_plugins_last-$line}" ]; then
            printf '[plugins: %s]\n' "$line"
        fi
        _melda_plugins_last=$line
    }
    case $- in *i*) PROMPT_COMMAND="_melda_plugins${PROMPT_COMMAND:+; $PROMPT_COMMAND}" ;; esac
fi
