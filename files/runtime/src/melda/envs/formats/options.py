"""Options of the commands that install packages: which have a value, so that it is not taken for a package.

What is in neither list of its tool is not known, and a word after it is taken for nothing.
"""

from __future__ import annotations

from typing import Dict, NamedTuple, Set, Tuple


class Options(NamedTuple):
    """Options of one tool.

    Attributes:
        valued: those with a value.
        alone: those without.
        nested: those that name files or addresses, by pip's name for them.
    """

    valued: Set[str]
    alone: Set[str]
    nested: Dict[str, str]


def _of(valued: str, alone: str, nested: str = "") -> Options:
    by_name = dict(one.split(":") for one in nested.split())
    return Options({*valued.split(), *by_name}, set(alone.split()), by_name)


_FILES = "-r:-r --requirement:-r --requirements:-r -c:-c --constraint:-c --constraints:-c -e:-e --editable:-e"
PIP = _of(
    """-i --index-url --pypi-url --extra-index-url -f --find-links --trusted-host --no-binary --only-binary --use-feature
    --use-deprecated --progress-bar --platform --python-version --implementation --abi -t --target --prefix --root --src
    --source --source-dir --source-directory --cache-dir --proxy --cert --client-cert --timeout --default-timeout --retries
    --resume-retries --upgrade-strategy -C --config-setting --config-settings --install-option --global-option
    --build-option --root-user-action --report --python --log --log-file --local-log --exists-action --keyring-provider
    --group --build-constraint --uploaded-prior-to --all-releases --only-final -b --build --build-dir --build-directory
    --download-cache -d --download --index --default-index""",
    """--no-deps --no-dependencies --pre --dry-run --user --no-user -U --upgrade --force-reinstall -I --ignore-installed
    --ignore-requires-python --no-build-isolation --use-pep517 --no-use-pep517 --check-build-dependencies
    --break-system-packages --compile --no-compile --no-warn-script-location --no-warn-conflicts --prefer-binary
    --require-hashes --no-require-hashes --no-clean --no-index -h --help --debug --isolated --require-virtualenv -v
    --verbose -V --version -q --quiet --no-input --no-cache-dir --no-cache --disable-pip-version-check --no-color
    --no-python-version-warning --egg --process-dependency-links --allow-all-external --no-download --no-install --only-deps
    --build-isolation --system""",
    _FILES,
)
_UV = """-i --index-url --extra-index-url --index --default-index -f --find-links --index-strategy --keyring-provider -P
    --upgrade-package --upgrade-group --resolution --prerelease --prerelease-package --fork-strategy --exclude-newer
    --exclude-newer-package --no-sources-package --reinstall-package --link-mode -C --config-setting --config-settings
    --config-settings-package --no-build-isolation-package --cache-dir --refresh-package -p --python --color
    --allow-insecure-host --directory --project --config-file --extra --group --python-preference --python-fetch
    --trusted-host"""
_UV_ALONE = """--no-index -U --upgrade --no-upgrade --pre --no-sources --reinstall --no-reinstall --compile-bytecode --compile
    --no-compile-bytecode --no-compile --no-build-isolation --build-isolation --no-build --build --require-build-hashes
    --no-require-build-hashes -n --no-cache --no-cache-dir --refresh --no-refresh --managed-python --no-managed-python
    --no-python-downloads --allow-python-downloads -q --quiet -v --verbose --no-color --system-certs --native-tls
    --no-native-tls --offline --no-offline --no-progress --no-config -h --help -V --version --preview --no-preview
    --force-reinstall"""
UV_PIP = _of(
    _UV + """ --no-editable-package --overrides --override --excludes --exclude -b --build-constraints --build-constraint
    --cert -t --target --prefix --no-binary --only-binary --python-version --python-platform --output-format
    --torch-backend --root""",
    _UV_ALONE + """ --no-editable --all-extras --no-all-extras --no-deps --deps --require-hashes --no-require-hashes
    --verify-hashes --no-verify-hashes --system --no-system --break-system-packages --no-break-system-packages --exact
    --inexact --strict --no-strict --dry-run --check --user --disable-pip-version-check""",
    _FILES,
)  # fmt: skip
UV = _of(
    _UV + """ -m --marker --optional --bounds --rev --tag --branch --package --script --no-install-package
    --no-build-package --no-binary-package -w --with --with-editable --with-requirements""",
    _UV_ALONE + """ --dev --editable --no-editable --raw --raw-sources --lfs --no-sync --locked --frozen --active --no-active
    --workspace --no-workspace --no-install-project --no-install-workspace --no-install-local --no-binary --binary
    --force""",
    "-r:-r --requirement:-r --requirements:-r -c:-c --constraint:-c --constraints:-c",
)  # fmt: skip
POETRY = _of(
    "-G --group -E --extras --python --platform --markers --source -P --project -C --directory --with --without --only",
    """-D --dev -e --editable --optional --allow-prereleases --dry-run --lock -h --help -q --quiet -V --version -v -vv -vvv
    --verbose --ansi --no-ansi -n --no-interaction --no-plugins --no-cache --sync --no-root --no-dev --remove-untracked
    --all-extras --all-groups --only-root --compile --no-directory --default""",
)
PDM = _of(
    """-G --group --with --without -p --project -L --lockfile -k --skip --venv -c --config --override --install --prefix
    --config-setting -C""",
    """-d --dev -h --help -v --verbose -q --quiet -g --global --no-lock --frozen-lockfile --save-compatible
    --save-safe-compatible --save-wildcard --save-exact --save-minimum --update-reuse --update-eager --update-all
    --update-reuse-installed --pre --prerelease --stable -u --unconstrained --dry-run --no-sync --no-editable --no-self
    --no-isolation --fail-fast -x -I --ignore-python --clean --clean-unselected --check --prod --production
    --no-default --no-dev -V --version""",
    "-e:-e --editable:-e",
)
PIPENV = _of(
    """-i --index --pypi-mirror --python --categories -c --extra-pip-args --extra-index-url""",
    """-d --dev --deploy --site-packages --no-site-packages --system --skip-lock --ignore-pipfile --selective-upgrade --pre
    --three --two -v --verbose -q --quiet --clear -h --help --sequential --keep-outdated --skip-installed
   """,
    "-r:-r --requirements:-r -e:-e --editable:-e",
)
PIPX = _of(
    """--python --pip-args -i --index-url --suffix --preinstall --backend --spec""",
    """-f --force --include-deps --fetch-missing-python --system-site-packages -e --editable -q --quiet -v --verbose
    --global -h --help --version""",
)
_CONDA = """-n --name -p --prefix -c --channel --solver --subdir --platform --repodata-fn --experimental --revision --clone
    --shortcuts-only --console --env-spec --environment-specifier"""
_CONDA_ALONE = """--use-local --override-channels --no-lock --no-repodata-use-zst --repodata-use-zst --strict-channel-priority
    --no-channel-priority --no-deps --only-deps --no-pin --copy --no-shortcuts -C --use-index-cache -k --insecure --offline
    --json -v --verbose -q --quiet -d --dry-run -y --yes --download-only --show-channel-urls -h --help --force-reinstall
    --freeze-installed --no-update-deps -S --satisfied-skip-solve --update-deps --update-all --all --update-specs -m --mkdir
    --clobber --dev --debug --trace --no-default-packages --force --update-dependencies --no-update-dependencies
   """
CONDA = _of(_CONDA, _CONDA_ALONE, "--file:--file")
MAMBA = _of(
    _CONDA + """ -r --root-prefix --rc-file --log-level --category --channel-priority --channel-alias --ssl-verify
    --cacert-path --lock-timeout --download-threads --extract-threads --repodata-ttl --trusted-channels --safety-checks
    --relocate-prefix""",
    _CONDA_ALONE + """ --no-rc --no-env --print-config-only --print-context-only --retry-clean-cache --no-retry-clean-cache
    --ssl-no-revoke --always-softlink --always-copy --no-py-pin --py-pin --pyc --no-pyc
    --allow-uninstall --no-allow-uninstall --allow-downgrade --no-allow-downgrade --extra-safety-checks
    --verify-artifacts --use-uv --shortcuts --version
   """,
    "-f:--file --file:--file",
)  # fmt: skip
TOOLS = {
    "pip": PIP, "uv pip": UV_PIP, "uv": UV, "poetry": POETRY, "pdm": PDM, "pipenv": PIPENV, "pipx": PIPX, "conda": CONDA,
    "mamba": MAMBA, "micromamba": MAMBA,
}  # fmt: skip
VALUED, ALONE, UNKNOWN = "valued", "alone", "unknown"


def read(word: str, known: Options) -> Tuple[str, str, str]:
    """Return what an option of a command is: its kind, the name that has the value, and the value as far as it is in the word."""
    name, equals, value = word.partition("=")
    if name in known.valued:
        return VALUED, name, value if equals else ""
    if equals or name in known.alone:
        return ALONE, name, ""
    if word.startswith("--"):
        meant = [one for one in (*known.valued, *known.alone) if one.startswith(word)]
        return read(meant[0], known) if len(meant) == 1 else (UNKNOWN, word, "")  # pip takes what is clear
    for at, letter in enumerate(word[1:], 1):  # several in one word: -dG dev, -Uq, -rother.txt
        if f"-{letter}" in known.valued:
            return VALUED, f"-{letter}", word[at + 1 :]
        if f"-{letter}" not in known.alone:
            return UNKNOWN, word, ""
    return ALONE, word, ""
