# The image users get: the base and the curated packages.
ARG BASE_IMAGE=melda-jupyter-base:latest
# What `make mirror` fetched, as an image; scratch: all comes from the network.
ARG MIRROR=scratch
# hadolint ignore=DL3006
FROM ${MIRROR} AS mirror

# hadolint ignore=DL3006
FROM ${BASE_IMAGE}

# Settings of group_data/all.py as "name=value name=value", for instance packages=core.
ARG PROVISION_DATA=""
RUN --mount=type=bind,target=/deploy \
    --mount=type=tmpfs,target=/opt/pyinfra \
    --mount=type=tmpfs,target=/var/lib/apt/lists \
    --mount=type=tmpfs,target=/tmp \
    --mount=type=cache,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,target=/root/.cache/uv \
    --mount=type=bind,from=mirror,target=/opt/pyinfra/mirror,rw \
    --mount=type=secret,id=ca \
    --mount=type=secret,id=certificates \
    --mount=type=secret,id=netrc \
    UV_CACHE_DIR=/root/.cache/uv /deploy/builder/provision
