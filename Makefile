# Everything happens in a virtual environment of its own: `make demo VENV=elsewhere` to choose another.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin

.PHONY: help demo test test-fast test-faults lint clean

help:
	@echo "make demo   evaluate eight models on the embedded songs, offline (results in runs/demo)"
	@echo "make test   linters, types, import rules and the whole test suite"
	@echo "make test-faults   the faults that take a minute each: what is killed is replaced, and what kills given up"
	@echo "make lint   the first three of these"

# The stamps remember which pyproject.toml was installed, so that a second run installs nothing.
$(VENV)/.demo-stamp: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[demo]'
	touch $@

$(VENV)/.dev-stamp: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@ $(VENV)/.demo-stamp

demo: $(VENV)/.demo-stamp
	$(BIN)/stemwise evaluate dataset=demo models=demo output=runs/demo

test: lint
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not faults"

test-faults: $(VENV)/.dev-stamp
	$(BIN)/python -m pytest -m faults

test-fast: $(VENV)/.dev-stamp
	$(BIN)/python -m pytest -m "not ray and not slow and not faults"

lint: $(VENV)/.dev-stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

clean:
	rm -rf runs build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
