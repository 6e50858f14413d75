# make run    sets everything up and serves dnsbl.toml
# make setup  sets up alone; setup-dev: with what tests and checks need; clean: takes it away
# make test   passes the tests
# make check  lint, types, import directions, then the tests (make lint, make types: those alone)
# make test-pure  passes them where the compiled twins are not used, though built
# make fuzz   the twins against each other: SECONDS=600, COUNT=1000000, SEED=1, TARGETS=answers
#             any octets to the whole server: TARGETS=packets COUNT=10000000, half an hour; TARGETS=framing
# make sanitize   the compiled twins under AddressSanitizer and UndefinedBehaviorSanitizer
# make bench  measures beside other servers, about forty minutes; make bench-quick: in two
#             BENCH_ARGS='--lists 1M --rounds 3 --only peers --write'; --help has them all
# make messages   brings the catalogues of translations into step with the sources
# make screenshots  takes the pictures of docs/images/portal anew
# make install PREFIX=/opt/dnsbl  a virtual environment of its own, for packages and images

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: setup setup-dev install run test test-pure fuzz sanitize lint types check messages screenshots bench bench-quick clean
.DELETE_ON_ERROR:

setup: $(VENV)/.set-up
setup-dev: $(VENV)/.set-up-dev

# Nothing where the compiled path was built.
SAY_PATH = $(BIN)/python -c 'from dnsbl.zone.twin import MISSING as m; m and print("No compiled answer path (" + m + "): queries will be answered in pure Python. With a C compiler and the headers of Python (gcc, libc6-dev, python3-dev), make clean setup builds it.")'

NATIVE := $(wildcard dnsbl/native/*.pyx dnsbl/native/*.pxd)

$(VENV)/.set-up: pyproject.toml setup.py constraints.txt $(NATIVE)
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --constraint constraints.txt --editable .
	@$(SAY_PATH)
	@touch $@

# Holds all of the other, so that a first `make test` compiles once.
$(VENV)/.set-up-dev: pyproject.toml setup.py constraints.txt $(NATIVE)
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --constraint constraints.txt --editable '.[dev]'
	@$(SAY_PATH)
	@touch $(VENV)/.set-up $@

$(VENV)/.set-up-bench: $(VENV)/.set-up-dev
	$(PIP) install --constraint constraints.txt --editable '.[bench]'
	@touch $@

install:
	$(PYTHON) -m venv $(PREFIX)
	$(PREFIX)/bin/python -m pip --disable-pip-version-check --quiet install --constraint constraints.txt .

run: setup
	$(BIN)/dnsbl serve --config dnsbl.toml --first-steps

# A worker that is done takes over from one that is not; until then each keeps to its own modules,
# whose servers and browsers start once.
PYTEST := $(BIN)/python -m pytest -n auto --dist worksteal

test: setup-dev
	$(PYTEST) $(PYTEST_ARGS)

# What can meet a twin. The rest is the same either way.
PURE_TESTS := tests/dnsbl/zone tests/dnsbl/server tests/dnsbl/formats tests/dnsbl/cli

test-pure: setup-dev
	DNSBL_PURE=1 $(PYTEST) $(PURE_TESTS) $(PYTEST_ARGS)

fuzz: setup-dev
	PYTHONPATH=.:tests $(BIN)/python -m fuzz $(TARGETS) \
	    $(if $(SECONDS),--seconds $(SECONDS)) $(if $(COUNT),--count $(COUNT)) $(if $(SEED),--seed $(SEED))

sanitize: setup-dev
	$(BIN)/python .ci/sanitize $(PYTEST_ARGS)

lint: setup-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports

types: setup-dev
	$(BIN)/mypy

messages: setup-dev
	$(BIN)/python -m api.extraction

screenshots: setup-dev
	rm -rf docs/images/portal
	PYTHONPATH=.:tests $(BIN)/python -m gallery docs/images/portal

# .ci/run has a program in their place, which calls both and says at its end what failed.
TESTS = $(MAKE) test && $(MAKE) test-pure

check: lint types
	$(TESTS)

# The product as it is installed, without what only development needs.
bench: $(VENV)/.set-up-bench
	$(MAKE) install PREFIX=build/bench/installed
	DNSBL_PRODUCT=$(CURDIR)/build/bench/installed/bin/dnsbl $(BIN)/python -m benchmarks $(BENCH_ARGS)
	DNSBL_PRODUCT=$(CURDIR)/build/bench/installed/bin/dnsbl $(BIN)/python -m benchmarks.kinds $(BENCH_ARGS)
	$(BIN)/python -m benchmarks.portal $(BENCH_ARGS)

bench-quick: $(VENV)/.set-up-bench
	$(BIN)/python -m benchmarks --quick $(BENCH_ARGS)
	$(BIN)/python -m benchmarks.kinds --entries 100000 --rounds 1 --seconds 0.6
	$(BIN)/python -m benchmarks.portal --presses 20 --visit-seconds 10

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
