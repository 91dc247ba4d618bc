# `make demo` shows it work, `make test` proves it. Both build what they need in .venv; nothing else is touched.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
# Test processes side by side, one thread each; a file's tests stay together, since they share what is slow to make.
# One more than two cores: many tests wait for a broker, a browser or a camera that was taken away.
JOBS   ?= 3
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo test test-arm64 test-systemd test-updates test-bench test-peers test-backbones test-soak lint format clean pictures notebook

help: ## list the targets
	@grep -E '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

demo: $(VENV)/.core ## find and read two faces with the packaged model: out/demo.mp4, out/demo.jsonl
	$(BIN)/edge-run --source demo --no-window --save-video out/demo.mp4 --jsonl out/demo.jsonl

test: $(VENV)/.dev ## all tests, on everything the toolkit can use (4 GB of packages the first time)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile

test-backbones: $(VENV)/.dev ## one network of every family that edge-train offers, through every float format
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m backbones --numprocesses $(JOBS)

# Other bundles to prove as well: make test-arm64 BUNDLES="models out/resnet"
BUNDLES ?=
test-arm64: $(VENV)/.dev ## prove the packaged bundle (and BUNDLES) on emulated Raspberry Pi processors
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/arm64 -m arm64 $(foreach bundle,$(BUNDLES),--bundle $(bundle))

test-updates: $(VENV)/.dev ## updates of devices: the power goes at every single operation; environments are built for real
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/devices -m updates --numprocesses $(JOBS)

test-bench: $(VENV)/.dev ## slower code is planted and found by timing; a few minutes, on a machine with nothing else to do
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/bench -m bench --timeout 900

test-peers: $(VENV)/.dev ## another package is installed into an environment of its own and compared with (2.7 GB, network)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/bench -m peers --timeout 3600

test-systemd: $(VENV)/.dev ## install, break, update and remove it in a booted Debian (root; apt: systemd-container debootstrap)
	$(BIN)/python -m pytest tests/systemd -m systemd --timeout 900

# A shorter one: make test-soak MINUTES=5
MINUTES ?= 60
test-soak: $(VENV)/.dev ## an hour with every sink, each taken away and given back; memory, threads and files watched
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/soak tests/edge -m soak --minutes $(MINUTES) --timeout 0

lint: $(VENV)/.dev ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.dev ## let ruff format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

pictures: $(VENV)/.dev ## draw the README's picture anew
	$(BIN)/python docs/pictures/make_pictures.py
	$(BIN)/python -m docs.pictures.make_page_picture

notebook: $(VENV)/.dev ## write train/colab_training_notebook.py anew from the notebook
	$(BIN)/python -m train.notebook

clean: ## remove the environment and what was built
	rm -rf $(VENV) build out .pytest_cache .mypy_cache .ruff_cache *.egg-info

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
		{ echo "error: Python 3.11, 3.12 or 3.13 is needed; say which with: make PYTHON=python3.12 ..." >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV) || \
		{ echo "error: no virtual environment; on Debian: apt install python3-venv" >&2; exit 2; }

$(VENV)/.core: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/.core
