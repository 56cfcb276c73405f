# Everything a person or CI runs. Each target installs what it needs into .venv. Nothing else on the machine is
# touched, but for one: Postgres does not run as root, so that for root it gets a system user, embedded_postgres.
.DEFAULT_GOAL := help
.PHONY: help setup demo up down check test test-system test-daimojo parity fuzz torture lock format clean distclean
SHELL := /bin/bash

PYTHON ?= python3
BIN := .venv/bin
ARGS ?=
include versions.env

# What the wheel is built from: no caches, which linters renew, and nothing that only tests run.
NATIVE_SOURCES := $(shell find native -type f -not -path '*/.*' -not -path '*/__pycache__/*' -not -path 'native/build/*' \
  -not -path 'native/tests/*' -not -path 'native/fuzz/*' -not -path 'native/oracle/*' 2>/dev/null)

help:  ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

setup: .venv/native.stamp  ## install everything into .venv and build the native scorer

# `uv` makes the environment in seconds; pip only brings uv itself.
.venv/packages.stamp: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "mojoline needs Python >= 3.11, $$($(PYTHON) --version 2>&1) is too old: make PYTHON=python3.11 ..."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || \
	  { echo "python cannot make a virtual environment: on Debian install python3-venv"; rm -rf .venv; exit 1; }
	@echo "installing packages into .venv"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

.venv/native.stamp: .venv/packages.stamp $(NATIVE_SOURCES)
	@{ command -v $${CXX:-c++} || command -v g++ || command -v clang++; } >/dev/null || \
	  { echo "no C++ compiler found: on Debian install g++ (12 or newer)"; exit 1; }
	@echo '#include <zlib.h>' | $$(command -v $${CXX:-c++} || command -v g++ || command -v clang++) -E -x c++ - >/dev/null 2>&1 || \
	  { echo "zlib.h not found: on Debian install zlib1g-dev"; exit 1; }
	@$(BIN)/python -c 'import os, sys, sysconfig; sys.exit(not os.path.exists(os.path.join(sysconfig.get_paths()["include"], "Python.h")))' || \
	  { echo "Python.h not found: on Debian install python3-dev"; exit 1; }
	@echo "building the native scorer (one to three minutes)"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --reinstall-package mojo-scorer --no-deps ./native
	@touch $@

demo: setup  ## the whole line on the flights data (ARGS=--small, ARGS=--exit, ARGS="--exit --report demo.json")
	@$(BIN)/mojoline demo $(ARGS)

up: setup  ## start the local stack: Postgres, Redis, Dagster, the prediction API
	@$(BIN)/mojoline up

down:  ## stop the local stack
	@test ! -x $(BIN)/mojoline || $(BIN)/mojoline down

check: setup  ## format, lint, types, layers, pins, Dagster definitions
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy native/python
	$(BIN)/lint-imports
	$(BIN)/python -m mojoline.versions
	VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/dg check defs

test: setup  ## the test suite; no root, no Debian packages (<= 15 minutes on 2 cores)
	$(BIN)/pytest -m "not system and not daimojo" --durations=15 tests native/tests $(ARGS)

test-system: setup  ## what needs root or the packages of deploy/ci/debian-packages.txt
	$(BIN)/pytest -m system --durations=15 tests native/tests $(ARGS)

test-daimojo: setup  ## H2O's own daimojo with a MOJO2 archive (MOJO2=FILE); installed beside .venv, not into it
	@test -f "$(MOJO2)" || { echo "make test-daimojo MOJO2=FILE: name a MOJO2 archive of Driverless AI"; exit 1; }
	@test -d .daimojo || $(BIN)/uv pip install --quiet --python $(BIN)/python --target .daimojo daimojo==$(DAIMOJO_VERSION)
	MOJO2="$(abspath $(MOJO2))" $(BIN)/pytest -m daimojo tests/daimojo $(ARGS)

parity: setup  ## the native scorer against H2O's Java scorer, model by model, and what the models cover
	$(BIN)/python native/tests/parity.py $(ARGS)

fuzz: setup  ## libFuzzer on the native scorer's container and decoders, with sanitizers (SECONDS=600)
	$(BIN)/python native/fuzz/run.py --seconds $(or $(SECONDS),600) $(ARGS)

torture: setup  ## kill -9 of the full-size demo at a random point of each stage (about an hour; ARGS="--seed 7")
	$(BIN)/python scripts/demo_torture.py $(ARGS)

lock:  ## resolve pyproject.toml into requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version $(PYTHON_VERSION) --generate-hashes \
	  --extra train --extra serve --extra grpc --extra local --extra dev --no-annotate --no-header --no-emit-index-url pyproject.toml -o requirements.lock

format:  ## format and mend what ruff can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: down  ## forget what the demo made: data, models, runs
	rm -rf "$${MOJOLINE_HOME:-.mojoline}" demo.json

distclean: clean  ## also remove .venv and every cache
	rm -rf .venv .daimojo native/build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
