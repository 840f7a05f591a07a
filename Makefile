# Works with make 3.81 and later. Everything made here is in .venv, .setup and labelled images; `make clean` removes it.
.DEFAULT_GOAL := help
PYTHON := .venv/bin/python
HARNESS := .venv/bin/harness
# Tests that need no engine run on all cores, a file of them on one; those that share the engine run one after the other.
ALONE := not docker and not images and not e2e and not browser
SPREAD := -n auto --dist loadfile

.PHONY: help venv setup browser images demo test test-all check bench clean

help:    ## this list
	@sed -n 's/^\([a-z-]*\): *[a-z ]*## /  make \1  /p' $(MAKEFILE_LIST) | awk '{ printf "  %s %-9s", $$1, $$2; $$1 = $$2 = ""; print }'

venv:    ## .venv with the package and what developing it needs
	@sh scripts/setup-python

setup: venv    ## the same, and a container engine that answers (installs one only on Debian or Ubuntu as root)
	@sh scripts/setup-engine

browser: venv    ## a Chromium, in which tests look at pages (installs one only on Debian as root)
	@sh scripts/setup-browser

images: setup    ## build the container images that are missing
	@$(HARNESS) images build

demo: images    ## grade two real submissions and show why each got its verdict
	@$(PYTHON) scripts/demo.py

test: images browser    ## the tests, without those that grade whole submissions for minutes
	$(PYTHON) -m pytest $(SPREAD) -m "$(ALONE)"
	$(PYTHON) -m pytest -m "browser"
	$(PYTHON) -m pytest -m "(docker or images) and not e2e"

test-all: images browser check    ## the gates and every test
	$(PYTHON) -m pytest $(SPREAD) --hypothesis-profile long -m "$(ALONE)"
	$(PYTHON) -m pytest -m "browser"
	$(PYTHON) -m pytest --hypothesis-profile long -m "docker or images or e2e"

check: venv    ## lint, format, types (of every exercise's checks too), imports
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	$(PYTHON) scripts/typecheck_exercises.py
	.venv/bin/lint-imports

bench: images    ## timings beside the plain things a grading is made of; run nothing else meanwhile
	$(PYTHON) benchmarks/bench.py

clean:    ## remove all of it: what gradings left, images of ours, .venv, .setup
	@if [ -x $(HARNESS) ]; then $(HARNESS) clean --all $(if $(filter 1,$(YES)),--yes); fi
	@sh scripts/clean
