# Melda Jupyter. `make help` lists the targets; README.md says more.

# Nothing is read into a value: make would run $(shell …) in one each time it refers to it, and when it hands it on to a program.
# It comes first, so that no line below meets another. (`value` gives the text, and := expands no text that it is
# given; a variable called 1 is handed on to nobody.)
$(foreach 1,$(.VARIABLES),$(if $(filter command environment,$(firstword $(origin $1))),$(if $(findstring $$,$(value $1)),\
	$(if $(findstring $$,$1),,$(eval override export $1 := $$(value $1))))))

# An image reference, debian:bullseye, debian:bookworm or debian:trixie (bootstrapped on this machine), or auto:
# rocker/r-ubuntu:20.04 if it can be had, else debian:bookworm.
BASE ?= auto
# Name and tag of the result.
IMAGE ?= melda-jupyter:latest
# Curated packages: none, core or datascience.
PACKAGES ?= datascience
# Where the notebook listens on this machine.
PORT ?= 8888
# 1: nothing may be left out; a source that cannot be reached is an error.
STRICT ?=
# Settings of group_data/all.py for this build: NAME=VALUE NAME=VALUE (docs/closed-networks.md).
DATA ?=
# A folder that `make mirror` made: the image is built from it, without a network.
MIRROR ?=
# Where `make publish` pushes to: an image name without a tag.
REPOSITORY ?=
# Which Python makes .venv: 3.11 or newer.
PYTHON ?= python3

# What stands in recipes as it is cannot be given.
override SHELL := /bin/sh
override VENV := .venv
override BIN := $(VENV)/bin
# Through the environment, so that the shell reads nothing into a value.
export BASE IMAGE PACKAGES PORT STRICT DATA MIRROR REPOSITORY PYTHON
override OPTIONS := --base="$$BASE" --image="$$IMAGE" --packages="$$PACKAGES" --port="$$PORT" --strict="$$STRICT" --data="$$DATA" --mirror="$$MIRROR"
# pyinfra and Ansible, started again and again, take a second longer to start where their bytecode is not kept.
unexport PYTHONDONTWRITEBYTECODE

# Python programs whose names have no ending.
override PROGRAMS := files/runtime/src/launch
override SCRIPTS := builder/provision builder/record builder/venv files/apt_sources/apt-sources files/sync/profile.sh tests/fakes/bspm/configure .ci/run

.DEFAULT_GOAL := help
.PHONY: help up down image publish mirror connector preflight test test-all lint unit coverage mutants container attack vm refresh reference docs bench lock

help: ## Say what there is to do
	@echo 'Melda Jupyter: a notebook with Python and R in a container. README.md says more.'
	@awk -F ':.*## ' '/^##@ / { print "\n" substr($$0, 5) ":" } /^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile
	@printf '\nVariables, behind the command or in the environment, and what they are now:\n'
	@awk '/^# / { said = said "      " substr($$0, 3) "\n"; next } \
		/^[A-Z]+ \?=/ && said { printf "  %s=%s\n%s", $$1, ENVIRON[$$1], said } { said = "" }' Makefile
	@printf '\nExamples:\n  %-42s %s\n  %-42s %s\n  %-42s %s\n  %-42s %s\n' \
		'make up' 'a notebook in your browser; the last line is its address' \
		'make up PACKAGES=core PORT=8890' 'a smaller one, sooner, on another port' \
		'make image BASE=debian:trixie STRICT=1' 'an image of which nothing may be left out' \
		'make lint unit' 'before a commit: some minutes, without containers'

##@ Use it
up: $(VENV)/build.stamp ## Build what is missing, start a container, print the URL to open
	@$(BIN)/python -m builder up $(OPTIONS)

down: $(VENV)/build.stamp ## Stop and remove what `make up` started (the project stays)
	@$(BIN)/python -m builder down

##@ Build and publish images
image: $(VENV)/build.stamp ## Build melda-jupyter-base:latest and melda-jupyter:latest, and write what is in it
	@$(BIN)/python -m builder image $(OPTIONS)

publish: $(VENV)/build.stamp ## Push the image to REPOSITORY, under tags that say what is inside
	@$(BIN)/python -m builder publish $(OPTIONS) --repository="$$REPOSITORY"

mirror: $(VENV)/build.stamp ## Fetch everything one build needs into build/mirror, for a machine without a network
	@$(BIN)/python -m builder mirror $(OPTIONS)

connector: $(VENV)/build.stamp ## Build the image through pyinfra's docker connector, without a Dockerfile
	@$(BIN)/python -m builder connector $(OPTIONS)

preflight: $(VENV)/build.stamp ## Say which sources answer, and what would be left out
	@$(BIN)/python -m builder preflight $(OPTIONS)

##@ Test it
test: lint unit container ## Everything: lint, types, quick tests, container tests

test-all: lint unit $(VENV)/test.stamp ## All of `make test`, and what takes longer than its 40 minutes
	$(BIN)/python -m pytest -q -m full tests/unit tests/operations
	$(BIN)/python -m pytest -q -n 2 --dist loadfile -m '' tests/container tests/attack

lint: $(VENV)/test.stamp docs ## Lint, types, duplicates, and the documentation's links
	$(BIN)/ruff check . $(PROGRAMS)
	$(BIN)/ruff format --check --quiet . $(PROGRAMS)
	$(BIN)/mypy
	PYTHONPATH=files/runtime/src $(BIN)/lint-imports --no-cache
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive builder deploy.py files group_data inventory.py tasks $(PROGRAMS)
	$(BIN)/pylint --score=n *.py bench builder deployments docs files group_data tasks tests $(PROGRAMS)
	$(BIN)/shellcheck $(SCRIPTS)
	$(BIN)/hadolint Dockerfile Dockerfile.base
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml

unit: $(VENV)/test.stamp $(VENV)/docs.stamp ## Quick tests, without containers
	$(BIN)/python -m pytest -q -n 2 tests/unit tests/operations

coverage: $(VENV)/test.stamp ## Quick tests, and which lines and branches of files/ and tasks/ they reach
	rm -rf build/coverage && mkdir -p build/coverage
	$(BIN)/coverage run -m pytest -q --hypothesis-profile=measured tests/unit tests/operations
	$(BIN)/coverage combine --quiet
	status=0; for part in files tasks; do $(BIN)/coverage report --include="$$part/*" || status=1; done; exit $$status

mutants: $(VENV)/test.stamp ## Change validators and persistence in small ways: which changes do their tests not see?
	$(BIN)/python -m tests.mutation

container: $(VENV)/test.stamp ## Tests on real containers, attacks among them
	$(BIN)/python -m pytest -q -n 2 --dist loadfile --durations=15 tests/container tests/attack

attack: $(VENV)/test.stamp ## Attack containers of IMAGE, which is there already: a table says what held and what broke
	@MELDA_TEST_IMAGE="$$IMAGE" $(BIN)/python -m pytest -q --tb=short tests/attack

vm: $(VENV)/test.stamp ## The deploy on a virtual machine (needs mmdebstrap, e2fsprogs, qemu-system-x86)
	$(BIN)/python -m pytest -q -s -m full tests/vm

##@ Keep it up to date
refresh: $(VENV)/build.stamp ## Compare the list of R packages with CRAN's downloads
	@$(BIN)/python -m builder.refresh

reference: $(VENV)/test.stamp ## Write the parts of docs/ anew that are made from the code
	@$(BIN)/python -m docs.tools.reference

docs: $(VENV)/docs.stamp ## Build the documentation's site in build/site, and check all its links
	$(BIN)/sphinx-build -q -E -W --keep-going -n -b html -c docs -d build/site.cache . build/site
	$(BIN)/python -m docs.tools.links build/site

bench: $(VENV)/bench.stamp ## Measure side by side, write bench/results.md, its charts and bench/results.json
	$(BIN)/python -m bench

lock: $(VENV)/build.stamp ## Resolve all Python packages again, for every Python of the release table
	$(BIN)/python -m builder.lock
	for name in build test bench docs; do $(BIN)/uv pip compile --quiet --upgrade --generate-hashes --no-header --no-annotate \
		--python-version 3.11 --python-platform linux requirements/$$name.in --output-file requirements/$$name.txt || exit 1; done

# Each set of Python packages is installed once for each version of its lock.
$(VENV)/%.stamp: requirements/%.txt builder/venv
	@sh builder/venv "$$PYTHON" $(VENV) $<
	@touch $@

# The tests need a few Debian packages of this machine too.
$(VENV)/test.stamp: tests/host-packages.txt
