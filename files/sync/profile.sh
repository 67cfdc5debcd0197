# shellcheck shell=bash
# Melda Jupyter: say in a terminal when what was installed is in the project's bucket, or why it is not; that the project
# ran on another image before; and how far its packages are carried over.
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
    _melda_image() {
        local line name
        for name in image upgrade; do
            line=
            { read -r line </run/melda-jupyter/plugins/$name; } 2>/dev/null
            if [ "$name" = image ] && [ -n "$line" ] && [ -z "${_melda_image_told-}" ]; then
                printf '[%s]\n' "$line"
                _melda_image_told=1
            elif [ "$name" = upgrade ] && [ -n "$line" ] && [ "$line" != "${_melda_upgrade_last-}" ]; then
                printf '[upgrade: %s]\n' "$line"
                _melda_upgrade_last=$line
            fi
        done
    }
    case $- in *i*) PROMPT_COMMAND="_melda_plugins; _melda_image${PROMPT_COMMAND:+; $PROMPT_COMMAND}" ;; esac
fi
