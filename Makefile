# make scan    install into .venv, scan sample_videos, print the table, write JSON to out/
# make test    the fast tests;  make test-slow  the slow ones;  make test-all  both;  make lint
# make docs    build the documentation into site/

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The tests of a file share what takes long to make, so they stay together. Each process takes up to 2 GB.
PARALLEL := -n logical --maxprocesses 4 --dist loadfile

.PHONY: scan test test-slow test-all lint docs clean

scan: $(VENV)/scan-installed
	$(BIN)/facewitness scan sample_videos -o out

test: $(VENV)/dev-installed
	$(BIN)/python -m pytest $(PARALLEL) -m "not slow" $(PYTEST_ARGS)

test-slow: $(VENV)/dev-installed
	$(BIN)/python -m pytest $(PARALLEL) -m slow $(PYTEST_ARGS)

test-all: $(VENV)/dev-installed
	$(BIN)/python -m pytest $(PARALLEL) $(PYTEST_ARGS)

lint: $(VENV)/dev-installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m mypy

docs: $(VENV)/docs-installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "The documentation is in site/index.html"

clean:
	rm -rf $(VENV) out site

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
		|| { echo "Facewitness needs Python 3.10 or newer: make PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/scan-installed: setup.cfg pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/dev-installed: setup.cfg pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	@touch $@ $(VENV)/scan-installed

$(VENV)/docs-installed: setup.cfg pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable ".[docs]"
	@touch $@ $(VENV)/scan-installed
