"""A package as conda writes it: NAME=VERSION=BUILD; https://docs.conda.io/projects/conda-build/en/stable/resources/package-spec.html."""

from __future__ import annotations

import re
from typing import Any, List, Optional, Tuple

from melda.envs.errors import Unusable
from melda.envs.formats.reading import Reading, normal, requirement
from melda.envs.links import ELSEWHERE

SPEC = re.compile(
    r"(?:(?P<channel>[\w./:-]+)::)?(?P<name>[A-Za-z0-9_][\w.-]*)(?:\[(?P<inside>.*)\])?\s*"
    r"(?P<version>[=<>!~].*|[\d*][^\s=]*(?:\s+\S+)?|[\d*][^\s=]*(?:,\S+)*)?"
)
# What these have is on PyPI or CRAN, too, by the same people.
CHANNELS = re.compile(r"(.*/)?(conda-forge|defaults|main|r|free|anaconda|bioconda|pytorch|nvidia)(/[\w-]+)?")
BUILD = re.compile(r"==?(?P<version>[^=<>!~\s]+)=(?P<build>\S+)|==?\s*(?P<only>[^=<>!~\s,|]+)")
# A limit of an R package's version; conda-forge ends one with a0, which is before all that begins so.
LIMIT = re.compile(r"(?P<operator>[<>]=?|[!~=]=|=|)(?P<version>\d+(?:[._-]\d+)*)(?:\.?a0|\.?\*)?")
SPACED = re.compile(r"([\d*]\S*)\s+(\S+)")  # a version and a build
# conda-forge's names of what PyPI calls otherwise.
PYPI = {
    "pytorch": "torch", "pytorch-cpu": "torch", "pytorch-gpu": "torch", "matplotlib-base": "matplotlib",
    "opencv": "opencv-python", "py-opencv": "opencv-python", "pytables": "tables", "msgpack-python": "msgpack",
    "dask-core": "dask", "tensorflow-base": "tensorflow", "seaborn-base": "seaborn", "graphviz-python": "graphviz",
    "python-graphviz": "graphviz", "python-tzdata": "tzdata", "python-xxhash": "xxhash", "python-flatbuffers": "flatbuffers",
    "pyqt": "PyQt5", "snakemake-minimal": "snakemake", "py-xgboost": "xgboost", "py-lightgbm": "lightgbm",
    "brotli-python": "brotli", "snappy-python": "python-snappy",
    "numpy-base": "numpy", "nbconvert-core": "nbconvert", "pyarrow-core": "pyarrow", "astropy-base": "astropy",
    "pymc-base": "pymc", "qtconsole-base": "qtconsole", "kaleido-core": "kaleido", "ray-core": "ray", "ray-default": "ray",
    "py-xgboost-cpu": "xgboost", "py-xgboost-gpu": "xgboost", "tensorflow-gpu": "tensorflow", "faiss": "faiss-cpu",
    "docker-py": "docker", "pysoundfile": "soundfile", "sentencepiece-python": "sentencepiece",
    "pyqtwebengine": "PyQtWebEngine",
    "python-blosc": "blosc", "python-blosc2": "blosc2", "python-build": "build", "python-clang": "clang",
    "python-duckdb": "duckdb", "python-eccodes": "eccodes", "python-fastjsonschema": "fastjsonschema",
    "python-installer": "installer", "python-isal": "isal", "python-kaleido": "kaleido",
    "python-libarchive-c": "libarchive-c", "python-lmdb": "lmdb", "python-pdal": "pdal",
    "python-sounddevice": "sounddevice", "python-wget": "wget", "iris": "scitools-iris", "h3-py": "h3",
    "soxr-python": "soxr", "tiledb-py": "tiledb", "redis-py": "redis", "geopandas-base": "geopandas",
    "jupyterhub-base": "jupyterhub", "jupyterhub-singleuser": "jupyterhub", "python-lsp-server-base": "python-lsp-server",
}  # fmt: skip
# No Python packages, though PyPI has some of these names.
OTHERS = re.compile(
    r"_.*|lib.*|gcc.*|gxx.*|gfortran.*|clang.*|llvm.*|xorg-.*|cuda.*|cudnn|pytorch-(cuda|mutex)|nccl|ld_impl.*|binutils.*|kernel-headers.*|sysroot.*|font.*|"
    r"aws-(c|crt|sdk|checksums).*|gst.*|alsa.*|bzip2|ca-certificates|c-ares|openssl|zlib|zlib-ng|xz|zstd|lz4-c|ncurses|readline|sqlite|tk|"
    r"nodejs|yarn|git|git-lfs|make|cmake|ninja|curl|wget|krb5|icu|jpeg|openjpeg|libpng|giflib|tiff|freetype|fontconfig|expat|glib.*|gettext|"
    r"hdf4|hdf5|netcdf4-c|mkl|mkl-service|blas|openblas|lapack|tbb|intel-openmp|mpi|openmpi|mpich|fftw|gmp|mpfr|mpc|gsl|geos|gdal-bin|proj|"
    r"boost-cpp|eigen|arrow-cpp|qt.*|sip-bin|pcre.*|perl|ruby|java.*|openjdk|maven|rust|go|ffmpeg|x26[45]|lame|nspr|nss|dbus|cairo|pango|"
    r"harfbuzz|fribidi|graphite2|pixman|gdk-pixbuf|pthread-stubs|samtools|bcftools|htslib|bedtools|bwa|blast|muscle|fastqc|parallel|tree|"
    r"vim|tmux|jq|pandoc|texlive.*|tectonic|poppler|ghostscript|imagemagick|graphviz|vc|vs20.*|ucrt|menuinst|m2w64-.*|msys2-.*|"
    r"python_abi|pypy.*|conda.*|mamba|anaconda.*|nomkl|snappy|re2|grpc-cpp|protobuf-c|s2n|yaml|yaml-cpp|libyaml|binutils|bison|flex|"
    r"boost|tesseract|attr|fmt|orc|lerc|spdlog|nlohmann_json|rapidjson|utf8proc|double-conversion|glog|gflags|abseil-cpp|thrift-.*|"
    r"unixodbc|postgresql|mysql|mysql-(common|libs|server)|cfitsio|cyrus-sasl|dav1d|svt-av1|aom|openh264|rdma-core|ucx|ocl-icd|"
    r"kealib|xerces-c|freexl|geotiff|json-c|minizip|tzcode|uriparser|zfp|charls|blosc|c-blosc2?|jxrlib|wayland|at-spi2-.*|"
    r"atk.*|gtk\d?|gnutls|nettle|p11-kit|isl|nsync|elfutils|keyutils|patchelf|pkg-config|m4|autoconf|automake|coreutils|"
    r"unzip|zip|pigz|rsync|star|salmon|kallisto|hisat2|bowtie2?|minimap2|picard|gatk4|fastp|hmmer|mafft|diamond|sra-tools|"
    r"svn|subversion|mercurial|gawk|sed|grep|less|htop|nextflow|sortmerna|megahit|krona|freebayes|snpeff|snpsift|gffread|stringtie|cufflinks|"
    r"rsem|subread|bbmap|seqkit|prokka|iqtree|raxml|fasttree|emboss|clustalo|trim-galore|qualimap|preseq|ucsc-.*|entrez-direct|samblaster|"
    r"ensembl-vep|bcl2fastq.*|maxbin2|fraggenescan|maxquant|openssh|rclone|nano|gdb|valgrind|swig|doxygen|cppcheck|ripgrep|"
    r"seqtk|vcftools|plink2?|trimmomatic|spades|kraken2|augustus|manta|gh|pixi|just|helm|buf|pnpm|screen|fish|entr|bat|starship|"
    r"(?:c|cxx|fortran|rust|go|cuda)-compiler|cargo-.*|ros\d?-.*|direnv|lychee|ghc|nim|zig|julia|quarto|panoply|ncview|cdo|nco|ipopt|glpk|scip|metis|scotch|sdl2?|rust-src|compilers"
)  # fmt: skip
# Python's all the same.
OURS = re.compile(
    r"librosa|libcst|libsass|libtmux|libarchive-c|llvmlite|fonttools|fontmake|fontparts|clang-format|cuda-python|libpysal|"
    r"qtpy|qtconsole.*|qtawesome|gstools"
)
# Nor these, though they are built for a Python: PyPI has none, or another.
NEVER = re.compile(
    r"_.*|boost|conda|mamba|menuinst|anaconda|anaconda-navigator|navigator-updater|backports|nbconvert-(?:pandoc|all)|"
    r"cpython|cpuonly|python-(?:gil|freethreading)"
)
BINDING = re.compile(r"python-.*|.*-py(?:thon)?")
BUNDLES = ("r", "r-essentials", "r-recommended", "r-base-core", "bioconductor-data-packages")
LONGEST = 500  # characters
NO_PYTHON = "a package of conda's that is no Python package: nothing here installs it"
PYTHONS = ("python", "pip", "setuptools", "wheel")


def is_one(text: str) -> bool:
    """Is this a package of conda's, and no requirement?"""
    return bool(
        re.fullmatch(r"(?:[\w./-]+::)?[A-Za-z0-9_][\w.-]*\s*=[\d*][\w.*+!-]*(=[\w.*+-]+)?", text)
        or re.match(r"[A-Za-z][\w./-]*::[A-Za-z0-9_]", text)
    )


def r_name(name: str) -> str:
    """Return what R may call a package of conda's, in lower case; empty: it is none of R's."""
    for prefix in ("r-", "bioconductor-"):
        if name.startswith(prefix):
            return name[len(prefix) :]
    return ""


def _limits(version: str) -> List[Tuple[str, str]]:
    """Return the limits of an R package's version, as R has them; = is any that begins so: 3.4 is 3.4.4 as well.

    Raises:
        Unusable: one of them is none.
    """
    found: List[Tuple[str, str]] = []
    for part in filter(None, re.split(r"[,\s]+(?=[<>=!~\d*])", re.sub(r"([<>=!~])\s+", r"\1", version).strip())):
        limit = LIMIT.fullmatch(part)
        if not limit:
            raise Unusable(f"invalid version {part!r}")
        operator, number = limit.group("operator"), limit.group("version").replace("_", "-")
        begins = part.endswith("*")
        if operator == "~=":
            found += [(">=", number), ("=", re.sub(r"[.-]\d+$", "", number))]
        elif operator in ("", "=", "=="):
            found.append(("==" if operator == "==" and not begins else "=", number))
        else:
            found.append((operator, number + ".*" if operator == "!=" and begins else number))
    return found


def _limits_or_problem(reading: Reading, name: str, version: str) -> Optional[List[Tuple[str, str]]]:
    """Return the limits, of which * is none; None: they are noted as a problem of the name."""
    try:
        return _limits("" if version == "*" else version)
    except Unusable as error:
        reading.bad("r", name, str(error), version.strip("="))
        return None


def _r(reading: Reading, name: str, version: str, exact: bool) -> None:
    """Read an R package. Unless exact, its version may only begin so."""
    limits = _limits_or_problem(reading, r_name(name), version)
    if limits is None:
        return
    found = ""
    for operator, number in limits:
        alone = operator == "=" and len(limits) == 1 and not version.endswith("*")
        whole = operator == "==" or (alone and (exact or _is_whole(version)))
        if whole:
            found = number
        else:
            reading.limit(r_name(name), operator, number)
    source = {"type": "bioconductor"} if name.startswith("bioconductor-") else None
    reading.r(r_name(name), found, source)


def _is_whole(version: str) -> bool:
    """Has a version three numbers, as nearly each of R's packages, so that none only begins so?"""
    return re.fullmatch(r"=*\d+([._-]\d+){2,}", version.strip()) is not None


def _r_itself(reading: Reading, version: str) -> None:
    limits = _limits_or_problem(reading, "R", version)
    if limits is None:
        return
    for operator, number in limits:
        if operator in ("=", "==") and len(limits) == 1 and re.fullmatch(r"\d+\.\d+(\.\d+)?", number):
            reading.is_of("r", number)
        else:
            reading.limit("R", "=" if operator == "==" else operator, number)


def _build(reading: Reading, name: str, build: str) -> str:
    """Return a build; empty if it says how a package is compiled, as *cuda* does, and not for what."""
    pattern = "*" in build and "py" not in build and (build.endswith("*") or name in PYPI)
    if not pattern or OTHERS.fullmatch(name):
        return build
    reading.say(f"{name}: conda's build {build} is not asked for")
    return ""


def read(reading: Reading, text: str) -> None:
    """Read one package. If its build is named, that says whether it is Python's.

    Args:
        reading: collects it.
        text: the package.

    Raises:
        Unusable: it is no package.
    """
    found = SPEC.fullmatch(text.strip()) if len(text) < LONGEST else None
    if not found:
        raise Unusable("no package as conda writes it")
    channel = found.group("channel") or ""
    reading.not_asked("" if CHANNELS.fullmatch(channel) else channel)
    name, version = found.group("name").lower(), (found.group("version") or "").strip()
    inside = dict(re.findall(r"(\w+)\s*=\s*['\"]?([^'\"\]]*[^'\"\],])", found.group("inside") or ""))
    version = inside.get("version", version)
    version = re.sub(r"(?<=[^=<>!~])=[\w.*+-]*$", "", version) if version[:1] in "<>!~" else version  # a build
    exact = BUILD.fullmatch(version)
    spaced = SPACED.fullmatch(version)
    version, build = spaced.groups() if spaced else (version, inside.get("build", ""))
    build = _build(reading, name, str(exact.group("build") or "") if exact else build)
    pythons = "py" in build and name != "python_abi"
    if "|" in version:
        raise Unusable(f"versions with | are not read: {version!r}")
    if re.fullmatch(r"dev_\d+", build):
        raise Unusable(ELSEWHERE)
    if name == "r-base":
        _r_itself(reading, str(exact.group("version") or exact.group("only")) if exact else version)
    elif name in BUNDLES:
        reading.bad(
            "r", name, "a bundle of conda's that is no R package: name those that are needed", version.strip("=")
        )
    elif r_name(name):
        whole = bool(build) or version.startswith("==") or bool(exact and exact.group("version"))
        _r(reading, name, (exact.group("version") or exact.group("only")) if exact else version, whole)
    elif name in PYTHONS:
        plain = re.match(r"=*(\d+\.\d+(\.\d+)?)", version)
        if name == "python" and plain:
            reading.is_of("python", plain.group(1))
        elif name == "python" and version.strip("=*"):
            reading.required(requirement("python " + _specifier(version, exact)))
        elif name != "python" and version:
            reading.say(f"{name} {version} is left out: this image has its own")
    elif NEVER.fullmatch(name) or (not OURS.fullmatch(name) and (not pythons if build else OTHERS.fullmatch(name))):
        reading.bad(
            "python",
            name,
            NO_PYTHON,
            version.strip("="),
        )
    else:
        reading.required(requirement(PYPI.get(name.replace("_", "-"), name) + " " + _specifier(version, exact)))


def without_libraries(given: List[Any]) -> List[Any]:
    """Return entries without libraries whose binding for Python is there too, of another version: python-tzdata beside tzdata."""
    names = [re.split(r"[\s=<>!~\[]", one.lower(), maxsplit=1)[0] if isinstance(one, str) else "" for one in given]
    bound = {PYPI[name] for name in names if name in PYPI and BINDING.fullmatch(name)}
    return [one for name, one in zip(names, given) if name not in bound]


def without_bundles(reading: Reading) -> None:
    """Forget what is only another name of a package that is there, as conda's seaborn is of its seaborn-base."""
    found = reading.names("python")
    reading.problems = [
        one for one in reading.problems if one["reason"] != NO_PYTHON or normal(one["name"]) not in found
    ]


def _specifier(version: str, exact: Any) -> str:
    """conda's = is any that begins so, unless a build is named."""
    if exact and exact.group("version"):
        return "==" + str(exact.group("version")) if exact.group("version") != "*" else ""
    if exact:
        only = str(exact.group("only"))
        if only == "*":
            return ""
        return "==" + (only if version.startswith("==") or not re.fullmatch(r"[\d.]+", only) else only + ".*")
    if re.match(r"[\d*]", version):
        return "" if version == "*" else "==" + version.split(maxsplit=1)[0]
    return re.sub(r"\s", "", re.sub(r"(^|,)=(?!=)", r"\1==", version))
