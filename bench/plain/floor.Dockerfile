# The floor under Dockerfile.base (bench/rows/cold_build.py): the packages that ours has gained over its base, by apt-get in one
# command, and Jupyter's lock by uv, and nothing else. What is above it in ours is pyinfra, compiling to bytecode, and everything
# that is put in place.
# hadolint global ignore=DL3006,DL3008,SC2086
ARG BASE=melda-jupyter-debian:bookworm
FROM ${BASE}

# Names of Debian packages.
ARG PACKAGES
# The lock, a path in this repository.
ARG LOCK
ARG DEBIAN_FRONTEND=noninteractive

RUN --mount=type=bind,target=/deploy \
    --mount=type=tmpfs,target=/opt/floor \
    --mount=type=cache,target=/var/lib/apt/lists \
    --mount=type=cache,target=/var/cache/apt \
    --mount=type=cache,target=/root/.cache/uv \
    --mount=type=secret,id=ca \
    if [ -s /run/secrets/ca ]; then export SSL_CERT_FILE=/run/secrets/ca PIP_CERT=/run/secrets/ca; fi; \
    apt-get -q update && \
    apt-get -q -y --no-install-recommends -o Dpkg::Options::=--force-unsafe-io install python3-pip ${PACKAGES} && \
    python3 -m pip install -q --no-cache-dir --require-hashes --target /opt/floor -r /deploy/files/jupyter/uv.txt && \
    /opt/floor/bin/uv venv -q /opt/jupyter && \
    /opt/floor/bin/uv pip install -q --python /opt/jupyter/bin/python --require-hashes --no-deps -r "/deploy/${LOCK}"
