# make run    sets everything up and serves dnsbl.toml
# make test   passes the tests
# make check  lint, types, import directions, then the tests
# make bench  measures, and prints what it measured

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: setup setup-dev run test lint types check bench clean
.DELETE_ON_ERROR:

setup: $(VENV)/.set-up
setup-dev: $(VENV)/.set-up-dev

$(VENV)/.set-up: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.set-up-dev: $(VENV)/.set-up
	$(PIP) install --constraint constraints.txt --editable '.[dev]'
	@touch $@

run: setup
	$(BIN)/dnsbl serve --config dnsbl.toml --first-steps

test: setup-dev
	$(BIN)/python -m pytest -n auto $(PYTEST_ARGS)

lint: setup-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports

types: setup-dev
	$(BIN)/mypy

check: lint types
	$(MAKE) test

bench: setup-dev
	$(BIN)/python benchmarks/propagation.py

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
