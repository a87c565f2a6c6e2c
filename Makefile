# `make help` tells all targets. Only Python 3.11+, git and make need to be there; everything else is set up here.
PYTHON ?= python3
UV_VERSION := 0.13.9
UV := .tools/bin/uv
export UV_PYTHON_DOWNLOADS := never
export UV_PROJECT_ENVIRONMENT := .venv
BIN := .venv/bin
PROTOS := $(shell find proto -name '*.proto')

.DEFAULT_GOAL := help
.PHONY: help run up demo test quick laws check format proto bench mutants clean

help: ## what can be done here
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /\1\t/' | awk -F '\t' '{printf "  make %-8s %s\n", $$1, $$2}'

run: .venv/.ready ## set up, start the platform, play the demonstration, stay up (Ctrl-C ends it)
	@$(BIN)/upheld demo

demo: .venv/.ready ## the demonstration alone: ends with 0 only if the report says what it must
	@$(BIN)/upheld demo --exit

up: .venv/.ready ## start the platform on its own data folder
	@$(BIN)/upheld up

test: .venv/.ready-dev .venv/.browser ## set up, then lint, types, import rules and every test
	@$(MAKE) --no-print-directory check
	$(BIN)/pytest -n 2 --dist loadscope --no-loadscope-reorder

quick: .venv/.ready-dev ## the tests without faults, browser and contract fuzzing
	$(BIN)/pytest -n 2 --dist loadscope --no-loadscope-reorder -m "not faults and not portal and not schema"

laws: .venv/.ready-dev ## every property test of the figures with 5,000 examples instead of 200
	$(BIN)/pytest -n 2 --hypothesis-profile=deep --timeout 7200 -m hypothesis tests/measurement tests/vocabulary tests/worked

check: .venv/.ready-dev ## lint, format, types, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/.ready-dev ## format the sources
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

proto: .venv/.ready-dev ## generate the Python of the contracts in proto/
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m grpc_tools.protoc -Iproto \
		--python_out=proto --mypy_out=quiet:proto --grpc_python_out=proto --mypy_grpc_out=quiet:proto $(PROTOS)

bench: .venv/.ready-dev ## the benchmarks, as ratios against a peer in the same run
	$(BIN)/python -m benchmarks

mutants: .venv/.ready-dev ## change each comparison, sign and bound of verdicts and credits: which change does no test see?
	@$(UV) sync --quiet --frozen --inexact --group mutants
	rm -rf mutants && $(BIN)/mutmut run --max-children 2 && $(BIN)/mutmut results

clean: ## remove what was set up and the demonstration's data
	rm -rf .venv .tools mutants upheld-data .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Upheld needs Python 3.11 or newer; $(PYTHON) is older. Try make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv .tools || { echo "$(PYTHON) cannot make virtual environments; on Debian: apt-get install python3-venv"; exit 1; }
	@.tools/bin/python -m pip install --quiet --disable-pip-version-check "uv==$(UV_VERSION)"

.venv/.ready: $(UV) uv.lock pyproject.toml
	@echo "setting up the environment (once) …"
	@$(UV) sync --quiet --frozen --no-dev --inexact --python "$$(.tools/bin/python -c 'import sys; print(sys._base_executable)')"
	@touch $@

.venv/.ready-dev: .venv/.ready
	@echo "setting up the tools for development (once) …"
	@$(UV) sync --quiet --frozen --python "$$(.tools/bin/python -c 'import sys; print(sys._base_executable)')"
	@touch $@

.venv/.browser: .venv/.ready-dev
	@$(BIN)/python -m tests.portal.browser
	@touch $@
