# `make` makes the environment on first use. BACKSLIDE_PYTHON chooses the interpreter.
BACKSLIDE_PYTHON ?= python3.11
BIN := .venv/bin
.DEFAULT_GOAL := help
export OMP_WAIT_POLICY ?= PASSIVE
export GOMP_SPINCOUNT ?= 0

help: ## this list
	@grep -hE '^[a-z.-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

.venv: .venv/.made ## make the environment
.venv/.made: pyproject.toml constraints.txt
	$(BACKSLIDE_PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[hf,api,demo]' --group dev
	touch $@

demo: .venv ## two checks on embedded models
	$(BIN)/backslide demo

test: .venv chromium ## all tests
	$(BIN)/python -m pytest

check: .venv ## what must be green before a landing
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(MAKE) test

chromium: ## a browser for the page tests, where Debian packages can be installed
	@command -v chromium >/dev/null || (apt-get update -qq && apt-get install -y -qq chromium chromium-driver) >/dev/null 2>&1 || echo "no chromium: page tests are skipped"

.PHONY: help demo test check chromium
