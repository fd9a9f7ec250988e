# What users, developers and CI type; `make help` lists it. Works without a terminal. VENV=DIR uses another environment.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV ?= .venv
BIN := $(abspath $(VENV))/bin
# Processes for the tests; files of tests are spread over them.
JOBS ?= 2
STAMP := $(VENV)/.trueto-installed

export PATH := $(BIN):$(PATH)
export VIRTUAL_ENV := $(abspath $(VENV))
export DVC_NO_ANALYTICS := true
export MLFLOW_DISABLE_TELEMETRY := true
export HF_HUB_DISABLE_TELEMETRY := 1
export DO_NOT_TRACK := 1
unexport PYTHONPATH

.PHONY: help repro data test test-slow servers act lint format bench false-alarms wheel plots goldens clean
.DELETE_ON_ERROR:

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

$(STAMP): pyproject.toml constraints.txt
	@test -x $(BIN)/python || { echo "making $(VENV) (minutes, once)"; $(PYTHON) -m venv $(VENV); }
	python -m pip install -qq --disable-pip-version-check -c constraints.txt -e '.[all,dev]'
	python .dvc/plots/offline.py
	dvc config --local plots.html_template plots/offline.html
	@touch $@

repro: $(STAMP) ## judge diffusers against the originals: terminal, reports/ and MLflow
	@python -m trueto.environment --check-data --root . --before-pull
	@dvc repro --pull

data: $(STAMP) ## restore fixtures and goldens, checked against their manifests
	@python -m trueto.environment --check-data --root . --before-pull
	@dvc pull --quiet
	@python -m trueto.environment --check-data --root .

test: data ## the quick tests
	python -m pytest -q -n $(JOBS) --dist loadfile --durations 10 -rs -m 'not slow' tests

servers: $(STAMP) ## what the tests with real servers of MLflow need, in $(VENV)/servers (and: apt-get install postgresql)
	python -m pip install -qq --disable-pip-version-check --no-warn-script-location -c constraints.txt --upgrade --target $(VENV)/servers -r tests/servers.txt

test-slow: data ## the others: wheel in a new environment, whole gates, workflows under act
	python -m pytest -q -n $(JOBS) --dist loadfile --timeout 600 --durations 15 -rs -m slow tests

act: data ## run the workflows on the example libraries, with act and without a network
	python -m pytest -q tests/test_act.py

lint: $(STAMP) ## ruff, import contracts, pyright, workflows
	ruff check .
	ruff format --check .
	lint-imports
	pyright --pythonpath $(BIN)/python
	zizmor --offline --no-progress --quiet .
	check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml examples/*/.github/workflows/*.yml
	check-jsonschema --builtin-schema vendor.github-actions action.yml .github/act/*/action.yml

format: $(STAMP) ## let ruff lay out the code
	ruff check --fix --quiet . || true
	ruff format .

bench: data ## measure the figures of benchmarks/RESULTS.md
	python benchmarks/run.py

false-alarms: data ## count false alarms over harmless rewrites, into reports/ and benchmarks/RESULTS-power.md
	python benchmarks/false_alarms.py

wheel: data ## dist/*.whl with suites, fixtures, references and goldens inside
	python -m hatchling build -t wheel -d dist

plots: $(STAMP) ## drift per step as one page that works offline
	@dvc plots show

goldens: $(STAMP) ## after `trueto record` or a new fixture: put the new tensors under DVC, to be committed with git
	dvc commit -f $(wildcard fixtures/*/dvc.yaml references/*/dvc.yaml)
	dvc push
	@python -m trueto.environment --check-data --root .
	@echo "now: git add fixtures references .dvc/remote, and commit"

clean: ## remove what can be made again (not the environment, not MLflow's database)
	rm -rf build dist runs reports/dvc_plots .pytest_cache .hypothesis .ruff_cache .import_linter_cache
	find src tests suites fixtures references benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
