# jamd: `make jam` plays, `make test` tests, `make bench` measures. Each sets up all it needs.
.DELETE_ON_ERROR:
PYTHON := .venv/bin/python
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: jam test bench lint types setup clean help

help:
	@sed -n 's/^# //p' Makefile

jam:
	@scripts/setup.sh jam
	@$(PYTHON) scripts/jam.py $(if $(PLAY),--play)

test:
	@scripts/setup.sh test
	@ruff check .
	@ruff format --check -q .
	@mypy
	@lint-imports
	@OMP_NUM_THREADS=1 $(PYTHON) -m pytest

bench:
	@scripts/setup.sh bench
	@$(PYTHON) -m tests.benchmarks

lint:
	@scripts/setup.sh test
	@ruff check .

types:
	@scripts/setup.sh test
	@mypy

clean:
	rm -rf .venv out .pytest_cache .mypy_cache .ruff_cache .hypothesis
