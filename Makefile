# Every target works on a fresh machine by itself: it makes .venv and installs into it when needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
BENCH_STAMP := $(VENV)/.bench-installed

.PHONY: setup survey test check reports bench wheel-test clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[dev]"
	touch $@

survey: $(STAMP)  ## The survey's operator table, in three dialects, for every bundled model.
	$(BIN)/opscan survey --all-dialects

test: $(STAMP)  ## All tests; `make test ARGS="-m 'not slow'"` for the quick ones.
	$(BIN)/python -m pytest -n auto $(ARGS)

check: $(STAMP)  ## Format, lint, types, import contracts, generated files.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/opscan docs --check

reports: $(STAMP)  ## Regenerates reports/ and the published JSON schemas.
	$(BIN)/opscan docs

bench: $(BENCH_STAMP)  ## Ratios against named alternatives; writes reports/benchmarks.md. ARGS="files --row 355" chooses rows.
	$(BIN)/python -m bench $(ARGS)

# The alternatives: for the benchmark only, never installed by `make setup`.
$(BENCH_STAMP): $(STAMP)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[bench]"
	touch $@

wheel-test: $(STAMP)  ## The wheel, installed in a clean environment and used from another folder.
	PYTHON=$(PYTHON) sh tests/wheel_test.sh

clean:
	rm -rf $(VENV) dist build
