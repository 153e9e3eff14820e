# The first Python on the path that is new enough; make PYTHON=... chooses another.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.10 python; do \
	$$p -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' 2>/dev/null && { echo $$p; break; }; done)
BIN = .venv/bin

.PHONY: demo test test-distributed check docs bench clean
.DELETE_ON_ERROR:

demo: .venv/ready  ## train on the embedded cartoon faces and make a GIF of it
	$(BIN)/gan_zoo train --config=demo

test: .venv/ready-dev  ## the fast tests
	$(BIN)/python -m pytest -n 2 --dist worksteal

test-distributed: .venv/ready-dev  ## the tests with several devices or worker processes
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "distributed and not slow"

check: .venv/ready-dev  ## lint, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: .venv-docs/ready  ## build the pages of docs/ into site/; a dead link fails
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict

bench: .venv/ready  ## how fast the step is, against others and the machine (against PyTorch, too, if it is installed)
	$(BIN)/python tools/bench.py

clean:  ## remove the environments and the site (runs/ stays)
	rm -rf .venv .venv-docs site

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "gan_zoo needs Python 3.10 to 3.13 on the path; install one, or say make PYTHON=/path/to/python"; exit 1; }
	$(PYTHON) -m venv .venv

.venv/ready: setup.cfg pyproject.toml | .venv/bin/python
	@echo "installing TensorFlow and the rest into .venv: a minute or two ..."
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

.venv/ready-dev: setup.cfg pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@ .venv/ready

# Without gan_zoo itself and so without TensorFlow: the pages are made from the source as text.
.venv-docs/ready: setup.cfg
	$(PYTHON) -m venv .venv-docs
	$(PYTHON) -c "import configparser as c; p = c.ConfigParser(); p.read('setup.cfg'); print(p['options.extras_require']['docs'])" > .venv-docs/needs.txt
	.venv-docs/bin/python -m pip install --quiet --requirement .venv-docs/needs.txt
	touch $@
