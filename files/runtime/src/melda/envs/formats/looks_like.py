"""What people hand over that is no list of packages, and what to do instead."""

from __future__ import annotations

import re

from melda.envs.formats import scripts

BLANKS = re.compile(r"[^\S\n]{40,}|(?<=\n\n)\n{40,}")
LOOKS_LIKE = (
    (r"^\s*<(!DOCTYPE|html|\?xml)", "a page of the web: save what it shows as text, or its raw file"),
    (r'^\s*\{[\s\S]*"(nbformat|cells)"\s*:', "a notebook without a line that installs packages, as %pip install NAME"),
    (r'^\s*\{[\s\S]*"(lockfileVersion|devDependencies)"\s*:', "a file of npm's"),
    (r"^\s*version https://git-lfs", "a pointer of Git LFS: git lfs pull fetches the file"),
    (
        scripts.DOCKERFILE,
        "a Dockerfile: put what its pip installs into a requirements.txt",
    ),
    (scripts.SHEBANG.pattern, "a shell's script without a line that installs packages, as pip install NAME"),
    (
        r"^(import|from)\s+\w+|^def \w+\(|^setup\(|" + scripts.PROGRAM.pattern,
        "a program of Python's: pip freeze > requirements.txt writes what is read",
    ),
    (r"^(library|require)\(|<-|install\.packages\(", "a program of R's: renv::snapshot() writes what is read"),
    (r"^\[(metadata|options)\]", "a setup.cfg: pip freeze > requirements.txt writes what is read"),
    (r"^Metadata-Version:", "a package's own description: pip freeze > requirements.txt writes what is read"),
    (
        r"^[> ]*\"?Package\"?\s+\"?LibPath\b|^[> ]*installed\.packages\(\)",
        "R's installed.packages() as printed: renv::snapshot() writes what is read, and sessionInfo() shows it",
    ),
    (
        r"(?i)\A\W*(package|name)\W+.*version\b",
        "a table of another program: a line for each package is read, as NAME==VERSION",
    ),
    (r"^\w+:\s*$", "YAML of another kind"),
)
# What a document has a part of, and is not.
PARTS = ("a Dockerfile", "a program of Python's", "a setup.cfg", "a shell's", "YAML")
# Lists of packages that are neither PyPI's nor CRAN's, some of which would be read as if they were.
NIX = "Nix's: put the names of its packages of Python into a requirements.txt"
APT = "a list of Debian's packages, which an image has or has not: nothing here installs them"
RV = "a file of rv's: renv::snapshot() writes what is read"
OTHERS = "a file of another language's, as npm's, Rust's, Go's, Ruby's, PHP's or Julia's, whose packages nothing here installs"
NAMES = (
    (r"apt\.txt", APT),
    (r"\.?devcontainer\.json", "a dev container's: hand over its Dockerfile, or what its commands install from"),
    (r".*\.nix", NIX),
    (r"rv\.lock|rproject\.toml", RV),
    (
        r"[Cc]argo\.(toml|lock)|go\.(mod|sum)|Gemfile(\.lock)?|(Julia)?(Project|Manifest)\.toml|package(-lock)?\.json|yarn\.lock|"
        r"pnpm-lock\.ya?ml|(bun|deno|flake|mix|paket|pubspec|Podfile|Package|npm-shrinkwrap)\.(lock|resolved|json)|composer\.(json|lock)",
        OTHERS,
    ),
)
FOREIGN = (
    (r"<nixpkgs>|\bpkgs\.mkShell\b|^[^\S\n]*buildInputs\s*=", NIX),
    (r"\A(?![\s\S]*^\[(?:tool\.|build-system))[\s\S]*^r_version\s*=\s*[\"']", RV),
    (r"^source = \"registry\+https://github\.com/rust-lang/|\A\s*(?://.*\n\s*)*module \S+\n[\s\S]*?^go \d", OTHERS),
    (r"\A(?:#.*\n|\s)*(?:__metadata|lockfileVersion):|^# yarn lockfile v\d", OTHERS),
    (
        r"^Session information updated at ",
        "what Python's session_info shows, which names modules: pip freeze > requirements.txt writes what is read",
    ),
)
PINS = re.compile(r"^\s*-|[=<>!~]=|@\s|://", re.MULTILINE)


def foreign(text: str, name: str) -> str:
    """Return what a list of another system's packages is, by its file's name or by what it says; empty: it is none."""
    if name == "packages.txt" and not PINS.search(text):  # Streamlit's of apt's packages
        return APT + "; if it is one of Python's, call it requirements.txt"
    named = next((found for pattern, found in NAMES if re.fullmatch(pattern, name)), "")
    return named or next((found for pattern, found in FOREIGN if re.search(pattern, text, re.MULTILINE)), "")


def plain(text: str) -> str:
    """``text`` without long runs of blanks: some patterns take the square of them."""
    return BLANKS.sub("  ", text)


def what(text: str) -> str:
    """Return what a text looks like; empty: like nothing that is known."""
    text = plain(text)
    return next((found for pattern, found in LOOKS_LIKE if re.search(pattern, text, re.MULTILINE)), "")
