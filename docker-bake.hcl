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

# Separated by commas. What is not this machine's own is emulated: an hour and more.
variable "PLATFORMS" {
  default = "linux/amd64,linux/arm64"
}

group "default" {
  targets = ["image"]
}

# Settings that Docker must know too. As group_data/all.py has them; one that DATA names must be given here as well, for instance
# username=jo in the environment.
variable "username" {
  default = "melda"
}
variable "uhome" {
  default = "/home/melda"
}
variable "jupyter_workdir" {
  default = "/home/melda/project"
}
variable "src" {
  default = "/usr/src/melda-jupyter"
}
variable "python_env" {
  default = "/opt/jupyter"
}
variable "locale" {
  default = "en_US.UTF-8"
}

# This project's (files/runtime/src/melda/__init__.py), for the label.
variable "VERSION" {
  default = "0.2.0"
}

# The last day of the security updates of BASE's release (tasks/releases.py), for the label.
variable "SUPPORT_ENDS" {
  default = "2028-06-30"
}

target "base" {
  context    = "."
  dockerfile = "Dockerfile.base"
  platforms  = split(",", PLATFORMS)
  args = {
    BASE            = BASE
    PROVISION_DATA  = "strict=true ${DATA}"
    username        = username
    uhome           = uhome
    jupyter_workdir = jupyter_workdir
    src             = src
    python_env      = python_env
    locale          = locale
  }
}

# What the image begins with: all of the base that changes seldom.
target "system" {
  inherits = ["base"]
  target   = "system"
}

# pyinfra, fetched once for both.
target "tools" {
  inherits = ["base"]
  target   = "tools"
}

target "image" {
  context    = "."
  dockerfile = "Dockerfile"
  platforms  = split(",", PLATFORMS)
  contexts = {
    base-system = "target:system"
    base-tools  = "target:tools"
  }
  args = {
    BASE_IMAGE     = "base-system"
    TOOLS          = "base-tools"
    PROVISION_DATA = "packages=${PACKAGES} strict=true ${DATA}"
  }
  labels = {
    "org.opencontainers.image.title"     = "Melda Jupyter"
    "org.opencontainers.image.version"   = VERSION
    "org.opencontainers.image.licenses"  = "MIT"
    "org.opencontainers.image.revision"  = REVISION
    "org.opencontainers.image.base.name" = BASE
    # strict=true: what cannot be had is an error.
    "io.melda.omitted"      = ""
    "io.melda.support-ends" = SUPPORT_ENDS
  }
  tags = [IMAGE]
}
