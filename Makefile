# Everything a person types besides snakemake itself; `make help` lists it.

PYTHON ?= python3
PRESET ?= full
BIN := .venv/bin

# Where torch and torchvision come from: an index of Python packages, or nothing for the one that pip knows.
INSTALLED_FROM := $(shell cat .venv/torch-index 2>/dev/null)
TORCH_INDEX ?= $(INSTALLED_FROM)

define CHECK_PYTHON
command -v $(PYTHON) >/dev/null || { \
    echo "No $(PYTHON) here. Medley needs Python 3.11, 3.12 or 3.13; name one: make env PYTHON=python3.12"; \
    exit 1; } >&2; \
$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { \
    echo "Medley needs Python 3.11, 3.12 or 3.13, and $(PYTHON) is $$($(PYTHON) --version)."; \
    echo "Name another one: make env PYTHON=python3.12"; exit 1; } >&2
endef
PIP = $(BIN)/pip install --quiet --no-input --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help env doctor status lock demo report test unit test-slurm test-faults lint bench clean-demo

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' Makefile | awk -F '|' '{ printf "make %-12s %s\n", $$1, $$2 }'

env: .venv/requirements.txt  ## create .venv from the lock file, or bring it up to date [TORCH_INDEX=URL]

# The copy of the lock file says what is installed. It is written last, so a broken installation goes on.
# torch from another index needs an environment of its own: pip takes any build of a version for that version, and
# leaves the old build's CUDA libraries behind. Hashes are known for the default build only.
ifneq ($(TORCH_INDEX),$(INSTALLED_FROM))
.PHONY: .venv/requirements.txt
endif
.venv/requirements.txt: envs/requirements.txt
	@$(CHECK_PYTHON)
	@$(PYTHON) -c 'import ensurepip, venv' || { \
	    echo "$(PYTHON) cannot make virtual environments. On Debian: apt-get install python3-venv"; exit 1; } >&2
	@test -x $(BIN)/pip -a "$(TORCH_INDEX)" = "$(INSTALLED_FROM)" || { \
	    $(PYTHON) -m venv --clear .venv && echo $(TORCH_INDEX) > .venv/torch-index; }
	@echo "Installing the pinned packages into .venv (6 GB, some minutes)$(if $(TORCH_INDEX),; torch from $(TORCH_INDEX))"
ifeq ($(TORCH_INDEX),)
	@$(PIP) --require-hashes -r envs/requirements.txt
else
	@awk '/^[^ #]/ { other = !/^(torch|torchvision|triton|(nvidia|cuda)-[a-z0-9-]+)==/ } other' envs/requirements.txt \
	    > .venv/without-torch.txt
	@$(PIP) --require-hashes --no-deps -r .venv/without-torch.txt
	@$(PIP) --index-url $(TORCH_INDEX) $$(sed -n -E 's/^(torch|torchvision)(==[^ ]+).*/\1\2/p' envs/requirements.txt)
endif
	@cp envs/requirements.txt $@

# Also before there is an environment, with what Python there is.
doctor: PYTHON := $(or $(wildcard $(BIN)/python),$(PYTHON))
doctor:  ## say what this machine has and what is missing for a run [PRESET=demo]
	@$(CHECK_PYTHON)
	@$(PYTHON) scripts/doctor.py $(PRESET)

status: env  ## say how far the trainings are [PRESET=demo]
	@$(BIN)/python scripts/status.py $(PRESET)

lock: env  ## pin envs/requirements.in anew
	$(BIN)/uv pip compile --no-config --universal --generate-hashes --python-version 3.11 --fork-strategy fewest \
	    --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" --quiet \
	    --output-file envs/requirements.txt envs/requirements.in

# Every training takes the first GPU: without a limit as many would start on it as there are cores.
demo: GPU = $(shell nvidia-smi -L 2>/dev/null | grep -m 1 '^GPU ')
demo: env  ## run everything small on phantoms, ending in a report
	$(BIN)/snakemake --cores all all --config preset=demo$(if $(GPU), --resources gpu=1)
	@$(MAKE) --no-print-directory report PRESET=demo

report: RESULTS = $(if $(filter full,$(PRESET)),results,results/$(PRESET))
report: env  ## gather tables and figures in one report [PRESET=demo]
	@$(BIN)/snakemake all --report $(RESULTS)/report.zip --config preset=$(PRESET)
	@echo "The report: $(RESULTS)/report.zip (unpack it and open report.html in a browser)"

test: lint  ## check the code and run all tests
	$(BIN)/pytest

unit: env  ## run the fast tests alone
	$(BIN)/pytest -m "not slow"

test-slurm: env  ## run the tests on a SLURM cluster that they start here (root, Debian)
	$(BIN)/pytest tests/slurm

test-faults: env  ## kill jobs and the main process 160 times, run them again and compare [SEED=1]
	FAULT_COUNT=20 FAULT_SEED=$(SEED) $(BIN)/pytest -v tests/test_faults.py

lint: env  ## check style, types and the workflow's form
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/snakemake --lint

bench: env  ## measure speed against peers [ONLY=planning]
	@PYTHONPATH=scripts $(BIN)/python -m tests.benchmarks $(ONLY)

clean-demo:  ## remove the demo's results
	rm -rf results/demo
