# What bench/plain/datascience.Dockerfile stands on; not measured.
# hadolint global ignore=DL3006,DL3008
ARG BASE_IMAGE
FROM ${BASE_IMAGE}
ARG PACKAGES
# hadolint ignore=SC2086
RUN --mount=type=tmpfs,target=/var/lib/apt/lists --mount=type=cache,target=/var/cache/apt,sharing=locked \
    apt-get update -qq && apt-get install -qq -y --no-install-recommends ${PACKAGES}
