# Everything happens in a virtual environment of its own: `make demo VENV=elsewhere` to choose another.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin

.PHONY: help demo test test-fast test-faults test-thorough lint style clean

help:
	@echo "make demo   evaluate seven models on the embedded songs, offline (results in runs/demo)"
	@echo "make test   linters, types, import rules and the whole test suite"
	@echo "make test-faults   the faults that take a minute each: what is killed is replaced, and what kills given up"
	@echo "make test-thorough   the same with more examples and larger cases"
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

# mypy without a cache takes half a minute, so the tests run beside it; what it says comes last. Tests start
# some fifty processes and compile their own asserts: compiled files are kept even where the shell says not to.
# Three workers for two cores: those that start Ray or a service wait half of their time.
test: export PYTHONDONTWRITEBYTECODE =
test: style
	@types=$$(mktemp); $(BIN)/mypy >$$types 2>&1 & mypy=$$!; \
	$(BIN)/python -m pytest -n 3 --dist loadfile -m "not faults"; tests=$$?; \
	wait $$mypy; typed=$$?; echo "mypy:"; cat $$types; rm -f $$types; \
	test $$tests -eq 0 && test $$typed -eq 0

test-thorough:
	STEMWISE_THOROUGH=1 STEMWISE_FUZZ_EXAMPLES=50 $(MAKE) test

test-faults: $(VENV)/.dev-stamp
	$(BIN)/python -m pytest -m faults

test-fast: $(VENV)/.dev-stamp
	$(BIN)/python -m pytest -m "not ray and not slow and not faults"

lint: style
	$(BIN)/mypy

style: $(VENV)/.dev-stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo

clean:
	rm -rf runs build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
