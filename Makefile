# `make demo` and `make test` work on a fresh clone: they make .venv first.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test lint format dev docs bench torture clean

demo: $(READY)  ## Run the pipeline on the bundled sample.
	$(BIN)/egregora-dag demo

test: lint  ## Lint, then run the tests; three at a time, as many of them wait for a daemon.
	$(BIN)/pytest --numprocesses 3 --no-loadscope-reorder --durations 25

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

dev: $(READY)  ## Serve the UI on 127.0.0.1:3000.
	$(BIN)/egregora-dag dev

docs: $(READY)  ## Build the documentation in site/.
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

bench: $(READY)  ## Measure speed and memory against peers; ONLY=reading measures one thing.
	PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet --editable '.[bench]'
	$(BIN)/python -m egregora_dag_tests.benchmarks $(ONLY)

torture: $(READY)  ## The tests that take long.
	$(BIN)/pytest -m torture --timeout 7200

clean:  ## Remove the virtual environment, caches and the home.
	rm -rf $(VENV) .egregora dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis

# The constraints hold for what builds the package, too; Python compiles what is used when it is.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet --no-compile --editable '.[dev,docs]'
	touch $@
