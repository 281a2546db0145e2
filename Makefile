# Everything runs in .venv; PYTHON names the interpreter that makes it (3.11 or newer).
PYTHON ?= python3
BIN := .venv/bin

# The versions that are installed, by name alone. CONSTRAINTS=/dev/null takes the newest releases.
CONSTRAINTS ?= constraints.txt
INSTALL = PIP_CONSTRAINT=$(abspath $(CONSTRAINTS)) PIP_BUILD_CONSTRAINT=$(abspath $(CONSTRAINTS)) \
	$(BIN)/python -m pip install --quiet
RESOLVE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --upgrade --strip-extras \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links --extra dev --output-file

.PHONY: demo test lint docs bench format upgrade clean

demo: .venv/demo.installed
	$(BIN)/gapscan demo

test: .venv/dev.installed
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal

lint: .venv/dev.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python docs/generate.py --check
	$(BIN)/gapscan rules test

docs: .venv/dev.installed
	$(BIN)/python docs/generate.py

bench: .venv/dev.installed
	$(BIN)/python -m tests.bench.run

format: .venv/dev.installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Renews constraints.txt: the newest releases that pyproject.toml allows, for Python 3.11 to 3.14.
upgrade: .venv/bin/uv
	printf 'pip\nhatchling\neditables\n' | $(RESOLVE) constraints.txt pyproject.toml -

# The oldest releases that pyproject.toml allows: make build/oldest.txt, then make test with them.
build/oldest.txt: pyproject.toml .venv/bin/uv
	mkdir -p build
	$(RESOLVE) $@ --resolution lowest-direct pyproject.toml

.venv/bin/uv: | .venv/bin/python
	$(BIN)/python -m pip install --quiet uv

.venv/bin/python:
	$(PYTHON) -m venv .venv
	$(INSTALL) --upgrade pip

.venv/%.installed: pyproject.toml $(CONSTRAINTS) | .venv/bin/python
	$(INSTALL) --editable '.[$*]'
	@touch $@

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build dist gapscan-demo
