# make run    sets everything up and serves dnsbl.toml
# make test   passes the tests
# make check  lint, types, import directions, then the tests
# make bench  measures, and prints what it measured
# make install PREFIX=/opt/dnsbl  a virtual environment of its own, for packages and images

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: setup setup-dev install run test lint types check bench clean
.DELETE_ON_ERROR:

setup: $(VENV)/.set-up
setup-dev: $(VENV)/.set-up-dev

NATIVE := $(wildcard dnsbl/native/*.pyx dnsbl/native/*.pxd)

$(VENV)/.set-up: pyproject.toml setup.py constraints.txt $(NATIVE)
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.set-up-dev: $(VENV)/.set-up
	$(PIP) install --constraint constraints.txt --editable '.[dev]'
	@touch $@

install:
	$(PYTHON) -m venv $(PREFIX)
	$(PREFIX)/bin/python -m pip --disable-pip-version-check --quiet install --constraint constraints.txt .

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
