# The image for several architectures at once, as one name in a registry: docs/publishing.md.
#
#   docker buildx bake --print
#   IMAGE=registry.example.org/team/melda-jupyter:13_R-4.5.0_python-3.13.5 docker buildx bake --push
#
# Variables are those of the Makefile, from the environment too. What `make image` does beside building (preflight, a base
# bootstrapped on this machine, labels by what was left out, bill of materials, manifest) is not done here.

# An image that its registry has for every platform. r2u has packages for arm64 from Ubuntu 24.04 on (tasks/releases.py).
variable "BASE" {
  default = "debian:bookworm"
}

# Name and tag of the result.
variable "IMAGE" {
  default = "melda-jupyter:latest"
}

# Curated packages: none, core or datascience.
variable "PACKAGES" {
  default = "datascience"
}

# Settings of group_data/all.py: NAME=VALUE NAME=VALUE.
variable "DATA" {
  default = ""
}

# The commit that is built, for the label.
variable "REVISION" {
  default = ""
}

# Of the product, for the label: `start-jupyter --version` of the image says it in any case.
variable "VERSION" {
  default = ""
}

# Separated by commas. What is not this machine's own is emulated: an hour and more.
variable "PLATFORMS" {
  default = "linux/amd64,linux/arm64"
}

group "default" {
  targets = ["image"]
}

target "base" {
  context    = "."
  dockerfile = "Dockerfile.base"
  platforms  = split(",", PLATFORMS)
  args = {
    BASE           = BASE
    PROVISION_DATA = "strict=true ${DATA}"
  }
}

target "image" {
  context    = "."
  dockerfile = "Dockerfile"
  platforms  = split(",", PLATFORMS)
  contexts = {
    base = "target:base"
  }
  args = {
    BASE_IMAGE     = "base"
    PROVISION_DATA = "packages=${PACKAGES} strict=true ${DATA}"
  }
  labels = {
    "org.opencontainers.image.title"     = "Melda Jupyter"
    "org.opencontainers.image.licenses"  = "MIT"
    "org.opencontainers.image.revision"  = REVISION
    "org.opencontainers.image.version"   = VERSION
    "org.opencontainers.image.base.name" = BASE
    # strict=true: what cannot be had is an error.
    "io.melda.omitted" = ""
  }
  tags = [IMAGE]
}
