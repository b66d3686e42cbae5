# jamd: `make jam` plays, `make test` tests, `make bench` measures,
# `make docs` builds the documentation, `make wheel` what pipx and uv install. Each sets up all it needs.
.DELETE_ON_ERROR:
PYTHON := .venv/bin/python
export PATH := $(CURDIR)/.venv/bin:$(PATH)

# tests that need no server and no port, and so may run side by side
SERVERLESS := tests/unit tests/parity $(addprefix tests/system/,test_completion.py test_learn.py test_render.py test_wheel.py)

.PHONY: jam test bench docs wheel lint types setup clean help

help:
	@sed -n 's/^# //p' Makefile

jam:
	@scripts/setup.sh jam
	@$(PYTHON) scripts/jam.py $(if $(PLAY),--play)

test:
	@scripts/setup.sh test
	@validate-pyproject pyproject.toml >/dev/null
	@ruff check .
	@ruff format --check -q .
	@mypy
	@lint-imports
	@status=0; export OMP_NUM_THREADS=1; \
	$(PYTHON) -m pytest -q -n 2 --dist loadscope $(SERVERLESS) || status=$$?; \
	$(PYTHON) -m pytest -q tests/bridges || status=$$?; \
	$(PYTHON) -m pytest -q --ignore=tests/bridges $(addprefix --ignore=,$(SERVERLESS)) || status=$$?; \
	exit $$status

bench:
	@scripts/setup.sh bench
	@$(PYTHON) -m tests.benchmarks

docs:
	@scripts/setup.sh docs
	@NO_MKDOCS_2_WARNING=1 mkdocs build --strict
	@echo "docs: out/site/index.html"

wheel:
	@scripts/setup.sh docs
	@rm -rf build
	@$(PYTHON) -m pip wheel -q --no-deps -w dist .

lint:
	@scripts/setup.sh test
	@validate-pyproject pyproject.toml >/dev/null
	@ruff check .

types:
	@scripts/setup.sh test
	@mypy

clean:
	rm -rf .venv out build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
