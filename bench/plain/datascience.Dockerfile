# The curated packages as one installs them without this project: `pip install` and one `install.packages()`
# (bench/rows/datascience.py). It stands on our base, and on NEEDS: what the R packages need that CRAN's stand-in has not got.
# hadolint global ignore=DL3006,DL3008,DL3042
ARG NEEDS
FROM ${NEEDS}

COPY files/packages /packages
RUN --mount=type=secret,id=ca --mount=type=cache,target=/root/.cache/pip \
    [ ! -e /run/secrets/ca ] || export PIP_CERT=/run/secrets/ca; \
    pip install -q -r /packages/python-core.txt -r /packages/python-datascience.txt

# R exits 0 when an installation fails.
ARG CRAN
ARG R_PACKAGES
RUN Rscript --vanilla \
    -e 'p <- strsplit(Sys.getenv("R_PACKAGES"), " ")[[1]]; install.packages(p, repos = Sys.getenv("CRAN"))' \
    -e 'for (x in p) loadNamespace(x)'
