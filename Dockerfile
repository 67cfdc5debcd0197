# The image users get: the base and the curated packages. Each step mounts only what it reads: docs/layers.md.
ARG BASE_IMAGE=melda-jupyter-base:latest
# What `make mirror` fetched, as an image; scratch: all comes from the network.
ARG MIRROR=scratch
# An image of the target "tools" of Dockerfile.base; without one they are fetched.
ARG TOOLS=own-tools
# hadolint ignore=DL3006
FROM ${MIRROR} AS mirror

FROM scratch AS tools-files
COPY group_data /group_data/
COPY builder/provision /builder/
COPY builder/pyinfra /builder/pyinfra/
COPY files/apt_sources /files/apt_sources/
COPY files/jupyter/uv.txt /files/jupyter/

# What each part of the deploy reads: the code of the deploy, and of the program what that code imports.
FROM scratch AS deploy-files
COPY config.py /
COPY group_data /group_data/
COPY tasks /tasks/
COPY builder/provision /builder/
COPY files/apt_sources /files/apt_sources/
COPY files/r2u /files/r2u/
COPY files/runtime/src/melda/__init__.py /files/runtime/src/melda/
COPY files/runtime/src/melda/base/__init__.py files/runtime/src/melda/base/addresses.py files/runtime/src/melda/base/descriptors.py \
    files/runtime/src/melda/base/log.py files/runtime/src/melda/base/paths.py \
    files/runtime/src/melda/base/public_keys.py files/runtime/src/melda/base/regular_files.py \
    files/runtime/src/melda/base/textfiles.py /files/runtime/src/melda/base/

FROM deploy-files AS r-core-files
COPY files/system /files/system/
COPY files/packages/*.R files/packages/debian-core.txt files/packages/r-core.txt /files/packages/

FROM r-core-files AS r-datascience-files
COPY files/packages/debian-datascience.txt files/packages/r-datascience.txt /files/packages/

FROM deploy-files AS python-core-files
COPY files/jupyter/bytecode_check.py files/jupyter/uv.txt files/jupyter/venv_check.py /files/jupyter/
COPY files/packages/locks/core-*.txt /files/packages/locks/

FROM python-core-files AS python-datascience-files
COPY files/packages/locks/datascience-*.txt /files/packages/locks/

# hadolint ignore=DL3006
FROM ${BASE_IMAGE} AS beginning

FROM beginning AS own-tools
ARG PROVISION_DATA=""
RUN --mount=type=tmpfs,target=/tmp \
    --mount=type=bind,from=tools-files,target=/tmp/deploy \
    --mount=type=bind,from=mirror,target=/tmp/mirror,rw \
    --mount=type=cache,target=/var/lib/apt/lists,id=melda-jupyter-lists,sharing=locked \
    --mount=type=cache,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,target=/tmp/uv \
    --mount=type=secret,id=ca,target=/tmp/secrets/ca \
    --mount=type=secret,id=certificates,target=/tmp/secrets/certificates \
    --mount=type=secret,id=netrc,target=/tmp/secrets/netrc \
    /tmp/deploy/builder/provision tools /opt/tools

# hadolint ignore=DL3006
FROM ${TOOLS} AS tools

FROM beginning
# Settings of group_data/all.py as "name=value name=value", for instance packages=core.
ARG PROVISION_DATA=""
# The step of a set that was not chosen does nothing.
RUN --mount=type=tmpfs,target=/tmp \
    --mount=type=bind,from=r-core-files,target=/tmp/deploy \
    --mount=type=bind,from=tools,source=/opt/tools,target=/tmp/tools \
    --mount=type=bind,from=mirror,target=/tmp/mirror,rw \
    --mount=type=cache,target=/var/lib/apt/lists,id=melda-jupyter-lists,sharing=locked \
    --mount=type=cache,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,target=/tmp/uv \
    --mount=type=secret,id=ca,target=/tmp/secrets/ca \
    --mount=type=secret,id=certificates,target=/tmp/secrets/certificates \
    --mount=type=secret,id=netrc,target=/tmp/secrets/netrc \
    /tmp/deploy/builder/provision r_packages core

# hadolint ignore=DL3059
RUN --mount=type=tmpfs,target=/tmp \
    --mount=type=bind,from=r-datascience-files,target=/tmp/deploy \
    --mount=type=bind,from=tools,source=/opt/tools,target=/tmp/tools \
    --mount=type=bind,from=mirror,target=/tmp/mirror,rw \
    --mount=type=cache,target=/var/lib/apt/lists,id=melda-jupyter-lists,sharing=locked \
    --mount=type=cache,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,target=/tmp/uv \
    --mount=type=secret,id=ca,target=/tmp/secrets/ca \
    --mount=type=secret,id=certificates,target=/tmp/secrets/certificates \
    --mount=type=secret,id=netrc,target=/tmp/secrets/netrc \
    /tmp/deploy/builder/provision r_packages datascience

# hadolint ignore=DL3059
RUN --mount=type=tmpfs,target=/tmp \
    --mount=type=bind,from=python-core-files,target=/tmp/deploy \
    --mount=type=bind,from=tools,source=/opt/tools,target=/tmp/tools \
    --mount=type=bind,from=mirror,target=/tmp/mirror,rw \
    --mount=type=cache,target=/var/lib/apt/lists,id=melda-jupyter-lists,sharing=locked \
    --mount=type=cache,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,target=/tmp/uv \
    --mount=type=secret,id=ca,target=/tmp/secrets/ca \
    --mount=type=secret,id=certificates,target=/tmp/secrets/certificates \
    --mount=type=secret,id=netrc,target=/tmp/secrets/netrc \
    /tmp/deploy/builder/provision python_packages core

# In two layers: one package more makes one of them new.
# hadolint ignore=DL3059
RUN --mount=type=tmpfs,target=/tmp \
    --mount=type=bind,from=python-datascience-files,target=/tmp/deploy \
    --mount=type=bind,from=tools,source=/opt/tools,target=/tmp/tools \
    --mount=type=bind,from=mirror,target=/tmp/mirror,rw \
    --mount=type=cache,target=/var/lib/apt/lists,id=melda-jupyter-lists,sharing=locked \
    --mount=type=cache,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,target=/tmp/uv \
    --mount=type=secret,id=ca,target=/tmp/secrets/ca \
    --mount=type=secret,id=certificates,target=/tmp/secrets/certificates \
    --mount=type=secret,id=netrc,target=/tmp/secrets/netrc \
    /tmp/deploy/builder/provision python_packages datascience a-o

# hadolint ignore=DL3059
RUN --mount=type=tmpfs,target=/tmp \
    --mount=type=bind,from=python-datascience-files,target=/tmp/deploy \
    --mount=type=bind,from=tools,source=/opt/tools,target=/tmp/tools \
    --mount=type=bind,from=mirror,target=/tmp/mirror,rw \
    --mount=type=cache,target=/var/lib/apt/lists,id=melda-jupyter-lists,sharing=locked \
    --mount=type=cache,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,target=/tmp/uv \
    --mount=type=secret,id=ca,target=/tmp/secrets/ca \
    --mount=type=secret,id=certificates,target=/tmp/secrets/certificates \
    --mount=type=secret,id=netrc,target=/tmp/secrets/netrc \
    /tmp/deploy/builder/provision python_packages datascience p-z

# The whole deploy.
# hadolint ignore=DL3059
RUN --mount=type=tmpfs,target=/tmp \
    --mount=type=bind,target=/tmp/deploy \
    --mount=type=bind,from=tools,source=/opt/tools,target=/tmp/tools \
    --mount=type=bind,from=mirror,target=/tmp/mirror,rw \
    --mount=type=cache,target=/var/lib/apt/lists,id=melda-jupyter-lists,sharing=locked \
    --mount=type=cache,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,target=/tmp/uv \
    --mount=type=secret,id=ca,target=/tmp/secrets/ca \
    --mount=type=secret,id=certificates,target=/tmp/secrets/certificates \
    --mount=type=secret,id=netrc,target=/tmp/secrets/netrc \
    /tmp/deploy/builder/provision
