# Melda Jupyter. `make help` lists the targets; README.md says more.

# The names that make was given, for the builder: what nobody reads is refused. The values are read below. What another Makefile
# was given comes with its call of this one.
override export GIVEN := $(if $(filter 0,$(MAKELEVEL)),$(foreach 1,$(.VARIABLES),$(if $(filter command,$(firstword $(origin $1))),$1)))
# Nothing is read into a value: make would run $(shell …) in one each time it refers to it, and when it hands it on to a program.
# It comes first, so that no line below meets another. (`value` gives the text, and := expands no text that it is
# given; a variable called 1 is handed on to nobody.)
$(foreach 1,$(.VARIABLES),$(if $(filter command environment,$(firstword $(origin $1))),$(if $(findstring $$,$(value $1)),\
	$(if $(findstring $$,$1),,$(eval override export $1 := $$(value $1))))))

# An image reference, debian:bullseye, debian:bookworm or debian:trixie (bootstrapped on the build host), or auto:
# rocker/r-ubuntu:20.04 if it can be pulled, else debian:bookworm.
BASE ?= auto
# Name and tag of the result.
IMAGE ?= melda-jupyter:latest
# Curated packages: none, core or datascience.
PACKAGES ?= datascience
# The port on the build host where the notebook listens.
PORT ?= 8888
# 1: an unreachable source is an error; without it the build skips that source and records it.
STRICT ?=
# Settings of group_data/all.py for this build: NAME=VALUE NAME=VALUE (docs/closed-networks.md).
DATA ?=
# A bundle that `make mirror` made: the image is built from it, without a network.
MIRROR ?=
# linux/amd64 or linux/arm64, if it is not the build host's own: then it is emulated, which is slow (docs/publishing.md).
PLATFORM ?=
# 1: show the engine's whole output; without it a line for each step, and the output in build/log.
VERBOSE ?=
# The image name, without a tag, to which `make publish` pushes.
REPOSITORY ?=
# For `make compare`: an image, or the manifest (JSON) of one.
OLD ?=
# For `make compare`: the other one.
NEW ?=
# For `make compare`: a folder of projects, or s3://BUCKET/FOLDER, whose users' packages are looked up for NEW.
CAPTURES ?=
# The Python that makes .venv: 3.11 or newer.
PYTHON ?= python3

# What stands in recipes as it is cannot be given.
override SHELL := /bin/sh
override VENV := .venv
override BIN := $(VENV)/bin
# Through the environment, so that the shell reads nothing into a value.
export BASE IMAGE PACKAGES PORT STRICT DATA MIRROR PLATFORM VERBOSE REPOSITORY OLD NEW CAPTURES PYTHON
override OPTIONS := --base="$$BASE" --image="$$IMAGE" --packages="$$PACKAGES" --port="$$PORT" --strict="$$STRICT" --data="$$DATA" --mirror="$$MIRROR" --platform="$$PLATFORM"
# pyinfra and Ansible, started again and again, take a second longer to start where their bytecode is not kept.
unexport PYTHONDONTWRITEBYTECODE

# Python programs whose names have no ending.
override PROGRAMS := files/runtime/src/launch
override SCRIPTS := builder/provision builder/record builder/venv files/apt_sources/apt-sources files/mount/profile.sh files/sync/profile.sh tests/fakes/bspm/configure .ci/run

.DEFAULT_GOAL := help
.PHONY: help up down image publish compare mirror connector preflight test test-all lint unit coverage mutants container attack pictures vm scan refresh reference docs bench lock

help: ## List all targets, their variables, and examples
	@echo 'Melda Jupyter: a notebook with Python and R in a container. README.md says more.'
	@awk -F ':.*## ' '/^##@ / { print "\n" substr($$0, 5) ":" } /^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile
	@printf '\nVariables and their current values. Pass variables after the target, or in the environment:\n'
	@awk '/^# / { said = said "      " substr($$0, 3) "\n"; next } \
		/^[A-Z]+ \?=/ && said { printf "  %s=%s\n%s", $$1, ENVIRON[$$1], said } { said = "" }' Makefile
	@printf '\nExamples:\n  %-42s %s\n  %-42s %s\n  %-42s %s\n  %-42s %s\n' \
		'make up' 'a notebook in your browser; the last line is its address' \
		'make up PACKAGES=core PORT=8890' 'a smaller image, sooner, on another port' \
		'make image BASE=debian:trixie STRICT=1' 'an image from which nothing was skipped' \
		'make lint unit' 'before a commit: lint, types, quick tests; no containers'

##@ Use it
up: $(VENV)/build.stamp ## Build what is missing, start a container, wait until it is healthy, print the URL
	@$(BIN)/python -m builder up $(OPTIONS)

down: $(VENV)/build.stamp ## Stop and remove what `make up` started (the project stays)
	@$(BIN)/python -m builder down

##@ Build and publish images
image: $(VENV)/build.stamp ## Build IMAGE and its base, melda-jupyter-base:latest; write the bill of materials and the manifest
	@$(BIN)/python -m builder image $(OPTIONS)

publish: $(VENV)/build.stamp ## Push the image to REPOSITORY, under tags that name its versions
	@$(BIN)/python -m builder publish $(OPTIONS) --repository="$$REPOSITORY"

compare: $(VENV)/build.stamp ## Write what changed from image OLD to image NEW, and what becomes of what users installed
	@$(BIN)/python -m builder compare --old="$$OLD" --new="$$NEW" --captures="$$CAPTURES"

mirror: $(VENV)/build.stamp ## Fetch all that a build needs into build/mirror, for a build host without a network
	@$(BIN)/python -m builder mirror $(OPTIONS)

connector: $(VENV)/build.stamp ## Build the image through pyinfra's docker connector, without a Dockerfile
	@$(BIN)/python -m builder connector $(OPTIONS)

preflight: $(VENV)/build.stamp ## List which sources answer, and what a build would skip
	@$(BIN)/python -m builder preflight $(OPTIONS)

##@ Test it
test: lint unit container ## Lint, types, quick tests, container tests, attacks

test-all: lint unit $(VENV)/test.stamp ## All of `make test`, and the slow tests
	$(BIN)/python -m pytest -q -m full tests/unit tests/operations
	$(BIN)/python -m pytest -q -n 4 --dist loadfile --no-loadscope-reorder -m '' tests/container tests/attack

lint: $(VENV)/test.stamp $(VENV)/docs.stamp ## Lint, types, layers, duplicates, and the links of the documentation
	@$(MAKE) --no-print-directory --jobs=2 lint/duplicates docs lint/rest
# Half of the time, and all others together the other half.
lint/duplicates: FORCE
	$(BIN)/pylint --score=n *.py bench builder deployments docs files group_data tasks tests $(PROGRAMS)
lint/rest: FORCE
	$(BIN)/ruff check . $(PROGRAMS)
	$(BIN)/ruff format --check --quiet . $(PROGRAMS)
	$(BIN)/mypy
	PYTHONPATH=files/runtime/src $(BIN)/lint-imports --no-cache
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive builder config.py deploy.py files group_data inventory.py tasks $(PROGRAMS)
	$(BIN)/shellcheck $(SCRIPTS)
	$(BIN)/hadolint Dockerfile Dockerfile.base
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml

unit: $(VENV)/test.stamp $(VENV)/docs.stamp ## Unit tests and operation tests, without containers
	$(BIN)/python -m pytest -q -n 2 tests/unit tests/operations

coverage: $(VENV)/test.stamp ## Measure which lines and branches of files/ and tasks/ the quick tests reach
	rm -rf build/coverage && mkdir -p build/coverage
	$(BIN)/coverage run -m pytest -q tests/unit tests/operations
	$(BIN)/coverage combine --quiet
	status=0; for part in files tasks; do $(BIN)/coverage report --include="$$part/*" || status=1; done; exit $$status

mutants: $(VENV)/test.stamp ## Mutation tests: list small mistakes that the quick tests do not notice
	$(BIN)/python -m tests.mutation

container: $(VENV)/test.stamp ## Container tests and attacks
	$(BIN)/python -m pytest -q -n 4 --dist loadfile --no-loadscope-reorder --durations=40 tests/container tests/attack

attack: $(VENV)/test.stamp ## Attack containers of IMAGE, which must exist; a table says which defences held
	@MELDA_TEST_IMAGE="$$IMAGE" $(BIN)/python -m pytest -q --tb=short tests/attack

pictures: $(VENV)/test.stamp ## Take the documentation's pictures again, from the tests in a browser; MELDA_TEST_IMAGE names an image to take
	MELDA_PICTURES="$(CURDIR)/docs/pictures" $(BIN)/python -m pytest -q tests/container/test_day.py
	! command -v pngquant || pngquant --force --skip-if-larger --ext .png docs/pictures/*.png

vm: $(VENV)/test.stamp ## Test the deploy on a virtual machine (needs mmdebstrap, e2fsprogs, qemu-system-x86)
	$(BIN)/python -m pytest -q -s -m full tests/vm

##@ Keep it up to date
scan: $(VENV)/build.stamp ## List the known holes of what IMAGE holds and of the locks, by osv.dev
	@$(BIN)/python -m builder scan $(OPTIONS)

refresh: $(VENV)/build.stamp ## Compare the list of R packages with CRAN's downloads
	@$(BIN)/python -m builder.refresh

reference: $(VENV)/test.stamp ## Rewrite the parts of docs/ that are made from the code
	@$(BIN)/python -m docs.tools.reference

docs: $(VENV)/docs.stamp ## Build the documentation's site in build/site and check its links
	$(BIN)/sphinx-build -q -E -W --keep-going -n -b html -c docs -d build/site.cache . build/site
	$(BIN)/python -m docs.tools.links build/site

bench: $(VENV)/bench.stamp ## Measure beside the alternatives; write bench/results.md, its charts and bench/results.json
	$(BIN)/python -m bench

lock: $(VENV)/build.stamp ## Resolve all Python packages again, for each Python of tasks/releases.py
	$(BIN)/python -m builder.lock
	for name in build test bench docs; do $(BIN)/uv pip compile --quiet --upgrade --generate-hashes --no-header --no-annotate \
		--python-version 3.11 --python-platform linux requirements/$$name.in --output-file requirements/$$name.txt || exit 1; done

# What the environment's Python is in the end, and where. It is another one after an upgrade of the host, and finds no packages
# there; in a clone that was moved, programs look for their Python where the clone was.
override NOTE := p=$$(readlink -f $(BIN)/python); [ -x "$$p" ] || p=gone; p="$$p $$(cd $(VENV) 2>/dev/null && pwd -P)"; [ ! -d $(VENV) ] || \
	[ "$$(cat $(VENV)/interpreter 2>/dev/null)" = "$$p" ] || echo "$$p" >$(VENV)/interpreter
FORCE:
$(VENV)/interpreter: FORCE
	@$(NOTE)

# Each set of Python packages is installed once for each version of its lock, and of Python.
$(VENV)/%.stamp: requirements/%.txt builder/venv $(VENV)/interpreter
	@sh builder/venv "$$PYTHON" $(VENV) $<
	@$(NOTE); touch $@

# The tests need a few Debian packages of this machine too.
$(VENV)/test.stamp: tests/host-packages.txt
