# `make run` and `make test` set up what is missing by themselves.
SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
CONFIG ?=
TESTS ?= tests
PROCESSES ?= 2

.PHONY: run test setup check bench fuzz lab-packages man deb deb-test clean

run: $(VENV)/.run
	$(BIN)/rtcguard run $(if $(CONFIG),--config $(CONFIG))

test: $(VENV)/.dev lab-packages
	$(BIN)/pytest -n $(PROCESSES) $(TESTS)

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.dev
	$(BIN)/python -m tests.bench

# A long look for what the tests do not find; SECONDS=8 is what they run.
fuzz: $(VENV)/.dev
	$(BIN)/python -m tests.fuzz $(if $(SECONDS),--seconds $(SECONDS))

# The man page, of what the commands say of themselves; a test tells when it is out of date.
man: $(VENV)/.dev
	$(BIN)/python configs/deploy/man/make.py

# The Debian package, for the distribution that has this Python (configs/deploy/deb/build says more).
deb: $(VENV)/.python
	PYTHON=$${PYTHON:-$(BIN)/python} configs/deploy/deb/build $(if $(OUTPUT),$(OUTPUT))

# Builds it for Debian 13, and installs, runs and purges it there: some minutes, as root.
deb-test: $(VENV)/.dev
	$(BIN)/pytest tests/packaging/debian.py

setup: $(VENV)/.dev lab-packages

lab-packages:
	@sh .ci/lab-packages

$(VENV)/.python:
	@sh .ci/venv $(VENV)
	@touch $@

$(VENV)/.run: $(VENV)/.python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@ $(VENV)/.run

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
