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


_FILES = "-r:-r --requirement:-r --requirements:-r -c:-c --constraint:-c --constraints:-c -e:-e --editable:-e"
# Long ones mean the same with each tool that has them, but for those that stand with their tools below.
_VALUED = """
    --index-url --pypi-url --extra-index-url --find-links --trusted-host --only-binary --use-feature
    --use-deprecated --progress-bar --platform --python-version --implementation --abi --target --prefix --root
    --src --source --source-dir --source-directory --cache-dir --proxy --cert --client-cert --timeout
    --default-timeout --retries --resume-retries --upgrade-strategy --config-setting --config-settings
    --install-option --global-option --build-option --root-user-action --report --python --log --log-file
    --local-log --exists-action --keyring-provider --group --build-constraint --uploaded-prior-to --all-releases
    --only-final --build-dir --build-directory --download-cache --download --index --default-index --index-strategy
    --upgrade-package --upgrade-group --resolution --prerelease-package --fork-strategy --exclude-newer
    --exclude-newer-package --no-sources-package --reinstall-package --link-mode --config-settings-package
    --no-build-isolation-package --refresh-package --color --allow-insecure-host --directory --project --config-file
    --extra --python-preference --python-fetch --no-editable-package --overrides --override --excludes --exclude
    --build-constraints --python-platform --output-format --torch-backend --marker --bounds --rev --tag --branch
    --package --script --no-install-package --no-build-package --no-binary-package --with --with-editable
    --with-requirements --extras --markers --without --only --lockfile --skip --venv --config --install
    --pypi-mirror --categories --extra-pip-args --pip-args --suffix --preinstall --backend --spec --name --channel
    --solver --subdir --repodata-fn --experimental --revision --clone --shortcuts-only --console --env-spec
    --environment-specifier --root-prefix --rc-file --log-level --category --channel-priority --channel-alias
    --ssl-verify --cacert-path --lock-timeout --download-threads --extract-threads --repodata-ttl --trusted-channels
    --safety-checks --relocate-prefix
"""
_ALONE = """
    --no-deps --no-dependencies --pre --dry-run --user --no-user --upgrade --force-reinstall --ignore-installed
    --ignore-requires-python --no-build-isolation --use-pep517 --no-use-pep517 --check-build-dependencies
    --break-system-packages --compile --no-compile --no-warn-script-location --no-warn-conflicts --prefer-binary
    --require-hashes --no-require-hashes --no-clean --no-index --help --debug --isolated --require-virtualenv
    --verbose --version --quiet --no-input --no-cache-dir --no-cache --disable-pip-version-check --no-color
    --no-python-version-warning --egg --process-dependency-links --allow-all-external --no-download --no-install
    --only-deps --build-isolation --system --no-upgrade --no-sources --reinstall --no-reinstall --compile-bytecode
    --no-compile-bytecode --no-build --require-build-hashes --no-require-build-hashes --refresh --no-refresh
    --managed-python --no-managed-python --no-python-downloads --allow-python-downloads --system-certs --native-tls
    --no-native-tls --offline --no-offline --no-progress --no-config --preview --no-preview --no-editable
    --all-extras --no-all-extras --deps --verify-hashes --no-verify-hashes --no-system --no-break-system-packages
    --exact --inexact --strict --no-strict --check --dev --raw --raw-sources --lfs --no-sync --locked --frozen
    --active --no-active --workspace --no-workspace --no-install-project --no-install-workspace --no-install-local
    --binary --force --allow-prereleases --lock --ansi --no-ansi --no-interaction --no-plugins --sync --no-root
    --no-dev --remove-untracked --all-groups --only-root --no-directory --default --global --no-lock
    --frozen-lockfile --save-compatible --save-safe-compatible --save-wildcard --save-exact --save-minimum
    --update-reuse --update-eager --update-all --update-reuse-installed --stable --unconstrained --no-self
    --no-isolation --fail-fast --ignore-python --clean --clean-unselected --prod --production --no-default --deploy
    --site-packages --no-site-packages --skip-lock --ignore-pipfile --selective-upgrade --three --two --clear
    --sequential --keep-outdated --skip-installed --include-deps --fetch-missing-python --system-site-packages
    --use-local --override-channels --no-repodata-use-zst --repodata-use-zst --strict-channel-priority
    --no-channel-priority --no-pin --copy --no-shortcuts --use-index-cache --insecure --json --yes --download-only
    --show-channel-urls --freeze-installed --no-update-deps --satisfied-skip-solve --update-deps --all
    --update-specs --mkdir --clobber --trace --no-default-packages --update-dependencies --no-update-dependencies
    --no-rc --no-env --print-config-only --print-context-only --retry-clean-cache --no-retry-clean-cache
    --ssl-no-revoke --always-softlink --always-copy --no-py-pin --py-pin --pyc --no-pyc --allow-uninstall
    --no-allow-uninstall --allow-downgrade --no-allow-downgrade --extra-safety-checks --verify-artifacts --use-uv
    --shortcuts
"""


def _of(valued: str, alone: str, nested: str = "") -> Options:
    by_name = dict(one.split(":") for one in nested.split())
    return Options({*_VALUED.split(), *valued.split(), *by_name}, {*_ALONE.split(), *alone.split()}, by_name)


PIP = _of("-i -f --no-binary -t -C -b --build -d", "-U -I -h -v -V -q", _FILES)
MAMBA = _of("-p -n -r -c", "-C -d -h -v -q -m -k -y -S", "-f:--file --file:--file")
TOOLS = {
    "pip": PIP,
    "uv pip": _of("-i -f --no-binary -t -C -b -P --prerelease -p", "--build -U -h -v -V -q -n", _FILES),
    "uv": _of(
        "-i -f -C -P --prerelease -p -m --optional -w",
        "--no-binary --build -U -h -v -V -q -n --editable",
        "-r:-r --requirement:-r --requirements:-r -c:-c --constraint:-c --constraints:-c",
    ),
    "poetry": _of("-C -P -G -E", "-h -v -V -q -n --optional --editable -D -e -vv -vvv"),
    "pdm": _of("-C -p -c -G -L -k", "-d -I -h -v -V -q --prerelease -g -u -x", "-e:-e --editable:-e"),
    "pipenv": _of("-i -c", "-d -h -v -q", "-r:-r --requirements:-r -e:-e --editable:-e"),
    "pipx": _of("-i", "-f -h -v -q --editable -e"),
    "conda": _of("-p -n -c", "-C -d -h -v -q -m -k -y -S", "--file:--file"),
    "mamba": MAMBA,
    "micromamba": MAMBA,
}
VALUED, ALONE, UNKNOWN = "valued", "alone", "unknown"


def read(word: str, known: Options) -> Tuple[str, str, str]:
    """Return what an option of a command is: its kind, the name that has the value, and the value as far as it is in the word."""
    name, equals, value = word.partition("=")
    if name in known.valued:
        return VALUED, name, value if equals else ""
    if equals or name in known.alone:
        return ALONE, name, ""
    if word.startswith("--"):
        meant = [read(one, known) for one in (*known.valued, *known.alone) if one.startswith(word)]
        same = len({kind for kind, _, _ in meant}) == 1 and not any(one in known.nested for _, one, _ in meant)
        return meant[0] if same or len(meant) == 1 else (UNKNOWN, word, "")  # pip takes what is clear
    for at, letter in enumerate(word[1:], 1):  # several in one word: -dG dev, -Uq, -rother.txt
        if f"-{letter}" in known.valued:
            return VALUED, f"-{letter}", word[at + 1 :]
        if f"-{letter}" not in known.alone:
            return UNKNOWN, word, ""
    return ALONE, word, ""
