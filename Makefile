# The two commands are `make demo` and `make test`; everything they need is made by `make install`.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
# Three on two cores: some tests only wait, for a lease or a server. Each has a Postgres of its own, a copy of one.
WORKERS ?= 3
SIDE_BY_SIDE = --numprocesses=$(WORKERS) --dist=loadgroup
# Faults wait more than others do, for leases and for servers that are down: five take 83 s where three take 105 (2026-11-24).
faults faults-full: WORKERS = 5

.PHONY: help install demo up test test-system faults faults-full bench chaos soak docs check format clean

help: ## what each command does
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(INSTALLED) ## the virtual environment, with everything in it

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; (3, 11) <= sys.version_info < (3, 14) or sys.exit("mx_pipeline needs Python 3.11, 3.12 or 3.13; say which with: make PYTHON=python3.12 " + "install")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	$(BIN)/python -m compileall -q -j 0 .venv/lib mx_pipeline >/dev/null || true # compiled, Dagster starts in half the time
	@touch $@

demo: $(INSTALLED) ## the main job, for real, on synthetic data; leaves nothing running
	$(BIN)/mx-pipeline demo

up: $(INSTALLED) ## the same, and it stays up
	$(BIN)/mx-pipeline up

test: $(INSTALLED) ## all tests that need nothing but Python
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m "not system"

faults: $(INSTALLED) ## the part of it that examines a sync under every fault, with a sample of chaos
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) mx_pipeline_tests/faults

faults-full: $(INSTALLED) ## the same, and what CI sees scaled takes its real 30 s
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) --full-length mx_pipeline_tests/faults

test-system: $(INSTALLED) ## the tests that need PgBouncer, PostgreSQL 15, Redis, Chromium and ip from the system's packages
	@$(BIN)/python -m mx_pipeline_tests.system_parts
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m system

bench: $(INSTALLED) ## the figures of design and README, as ratios; one row alone: -m mx_pipeline_tests.bench --only ROW
	$(BIN)/python -m mx_pipeline_tests.bench

chaos: $(INSTALLED) ## two minutes of seeded trouble: nothing lost, nothing doubled
	$(BIN)/python -m mx_pipeline_tests.chaos

soak: $(INSTALLED) ## half an hour of it over a whole installation with twenty clinics, and no process may grow
	$(BIN)/python -m mx_pipeline_tests.chaos --soak

docs: $(INSTALLED) ## write the pages that are made from code and schema: docs/errors.md, docs/columns.md
	$(BIN)/python -m mx_pipeline_tests.docs

check: $(INSTALLED) ## lint, format, types, floors
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports

format: $(INSTALLED) ## let ruff put the code in its format
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

clean: ## forget the virtual environment and the local data
	rm -rf .venv .mx
