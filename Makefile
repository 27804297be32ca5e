# Everything a person types. Each target does the set-up it needs, in .venv and nowhere else.

PYTHON ?= python3
UV_VERSION := 0.13.9
RUN := .venv/bin/python
READY := .venv/.ready

.PHONY: help setup broker demo test check soak-bridge lock clean
.DEFAULT_GOAL := help

help: ## this list
	@awk -F ':.*## ' '/^[a-z%-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) broker ## the virtual environment and the MQTT broker

$(READY): requirements.lock pyproject.toml Makefile
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	@test -d .venv || $(PYTHON) -m venv .venv
	@$(RUN) -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@$(RUN) -m uv pip sync --quiet --require-hashes --python $(RUN) requirements.lock
	@$(RUN) -m uv pip install --quiet --no-deps --python $(RUN) --editable .
	@touch $(READY)

broker:
	@sh examples/demo/install-mosquitto.sh

demo: setup ## the whole platform on this machine: ARGS="--messages N --rate R --change-device --json FILE --keep"
	@$(RUN) -m examples.demo $(ARGS)

test: setup ## all tests
	@$(RUN) -m pytest -n 2 --dist loadfile --max-worker-restart 0 $(ARGS)

check: $(READY) ## style, types, import rules
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@$(RUN) -m mypy
	@.venv/bin/lint-imports --no-cache --quiet 2>/dev/null || .venv/bin/lint-imports --no-cache

bench-%: $(READY) ## a race, such as bench-engine: ARGS="--json FILE --rounds N"
	@$(RUN) -m benchmarks $* $(ARGS)

soak-bridge: setup ## kills, resets and refusals, nothing lost: ARGS="--messages N --kills N --rate R --seed N --json FILE"
	@$(RUN) -m benchmarks.soak $(ARGS)

lock: $(READY) ## requirements.lock from pyproject.toml
	@$(RUN) -m uv pip compile --quiet --universal --python-version 3.11 --all-extras --generate-hashes \
		--no-emit-index-url --no-annotate --custom-compile-command "make lock" pyproject.toml -o requirements.lock

clean: ## what set-up and runs left behind
	@rm -rf .venv .demo build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
