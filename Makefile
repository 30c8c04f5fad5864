# Each target does its own set-up: a fresh clone needs Python 3.11+, git, and either a pulumi CLI or Go.
# Everything stays in .venv and in the user's cache directory (the engine, about 130 MB).

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.setup-done
WORKERS ?= 3
PYTEST_ARGS ?=
MINUTES ?= 10
STEADY_SEED := 1
AZURITE := $(VENV)/azurite

# Whatever the machine says of it: tests start Python some thousand times, and each start would compile everything anew.
unexport PYTHONDONTWRITEBYTECODE

# Output of jobs that run side by side is not mixed, where make can do that.
UNMIXED := $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)

.PHONY: setup engine tmux faketime zsh fish npm test test-engine test-real kubernetes check lint ruff types layers pure audit audit-online fuzz \
	faults demo bench pictures lock sbom release clean

setup: $(STAMP) engine

$(STAMP): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python3" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
		{ echo "Python can't make virtual environments; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

engine: $(STAMP)
	@$(BIN)/python -m scripts.engine

# The server of the tests on Azure. npm has it alone; it lies beside the environment, as its version says.
$(AZURITE)/.done: tests/servers/azurite.version | $(STAMP) npm
	npm install --silent --no-audit --no-fund --no-package-lock --prefix $(AZURITE) azurite@$(shell cat $<)
	@touch $@

lint: ruff types layers

ruff: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

layers: $(STAMP)
	$(BIN)/lint-imports
	$(BIN)/lint-imports --config layers.toml

# The tests of the core that start no engine.
pure: $(STAMP)
	$(BIN)/python -m pytest -q -n 2 --dist worksteal -m "not engine and not slow and not serial" $(PYTEST_ARGS) tests/core

# What is installed is what the lock says, and the lock has what pyproject.toml needs, no more.
audit: $(STAMP)
	$(BIN)/python -m scripts.audit

# Whether a pinned version has a known weakness; the only target besides set-up that needs a network. pip-audit asks the
# advisory service of the package index, and is no part of the lock: its answer of today is wanted, not that of a release.
audit-online: $(STAMP)
	@command -v pip-audit >/dev/null 2>&1 || { echo "pip-audit is needed: pipx install pip-audit" >&2; exit 1; }
	pip-audit --require-hashes --disable-pip -r requirements.lock

# For every change, in about a minute; everything is tried, also when something fails.
check: $(STAMP)
	@$(MAKE) --no-print-directory --keep-going --jobs=3 $(UNMIXED) ruff types layers audit pure

# One test drives the installed command in a real terminal; some faults need a clock that jumps; completion is tried in
# every shell that it is for; npm gets the server of the tests on Azure.
tmux faketime zsh fish npm:
	@command -v $@ >/dev/null 2>&1 || { command -v apt-get >/dev/null 2>&1 && \
		(apt-get install -y -q --no-install-recommends $@ || \
		(apt-get update -q && apt-get install -y -q --no-install-recommends $@)) >/dev/null 2>&1; } || \
		echo "$@ is needed for some tests; install it with your package manager" >&2

# Half of the time tests wait for engines, so there are more workers than cores. Tests that watch the clock come last, one
# by one; the summary of pytest closes the output of each part.
# Before them come two minutes of faults, which a fixed seed decides.
test: setup $(AZURITE)/.done tmux faketime zsh fish lint audit
	$(BIN)/python -m tests.faults --minutes 2 --seed $(STEADY_SEED) --workers $(WORKERS)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup --no-loadscope-reorder -m "not serial and not long and not real" $(PYTEST_ARGS)
	$(BIN)/python -m pytest -m "serial and not real" $(PYTEST_ARGS)

# Rollbacks broken at moments that a seed decides, for as long as you like; `--help` of the module has the rest.
#   make faults MINUTES=30 SEED=7 KINDS="program up+callbacks kill-engine"; of a failing moment: make faults SEED=7 ONE=12
faults: setup faketime
	$(BIN)/python -m tests.faults --minutes $(MINUTES) $(if $(SEED),--seed $(SEED)) $(if $(KINDS),--kinds "$(KINDS)") \
		$(if $(ONE),--one $(ONE) --keep)

# What runs the real engine, against a CLI of your choice: a file, or the directory that holds it. A CLI without a Python
# language host beside it gets the one that `make setup` built; docs/engine.md says what was tried.
#   REWIND_ENGINE=/path/to/pulumi make test-engine
test-engine: setup $(AZURITE)/.done tmux
	@test -n "$$REWIND_ENGINE" || { echo "name a pulumi CLI: REWIND_ENGINE=/path/to/pulumi make test-engine" >&2; exit 1; }
	$(BIN)/python -m pytest -m "engine and not long and not real" -n $(WORKERS) --dist loadgroup --no-loadscope-reorder $(PYTEST_ARGS)

# On real providers, real targets, real languages: an hour or more, after 12 to 14 minutes of builds the first time, which
# need Go, node and npm. What a run came to is put into docs/fidelity.md by `python -m scripts.fidelity_page`.
#   make test-real REAL="kubernetes bridged"
REAL ?= kubernetes bridged aws languages
test-real: setup
	$(BIN)/python -m scripts.real $(REAL)
	REAL="$(REAL)" $(BIN)/python -m pytest -m real -n 2 --dist worksteal $(PYTEST_ARGS) tests/real

# The control plane, the provider and the language host of `pulumi-rewind demo --kubernetes`; needs Go, about 10 minutes.
kubernetes: setup
	$(BIN)/python -m scripts.real kubernetes

# Spoils inputs of everything that is parsed; what is found is kept in fuzz-finds.   make fuzz SECONDS=600 SEED=7
SECONDS ?= 60
SEED ?= $(shell date +%s)
fuzz: $(STAMP)
	$(BIN)/python -m tests.fuzz --seconds $(SECONDS) --seed $(SEED)

demo: setup
	@if test -t 0 && test -t 1; then $(BIN)/pulumi-rewind demo --open; else $(BIN)/pulumi-rewind demo --run; fi

# Everything in screenshots/, from the real program on a real demo in /tmp/shop; takes a minute or two. What it draws with
# lies beside the environment, which stays what requirements.lock says.
PICTURES := $(VENV)/pictures

$(PICTURES)/.done: scripts/pictures/requirements.lock $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --upgrade \
		--target $(PICTURES) -r scripts/pictures/requirements.lock
	@touch $@

pictures: setup $(PICTURES)/.done
	PYTHONPATH=$(PICTURES) $(BIN)/python -m scripts.pictures

bench: setup
	$(BIN)/python -m tests.bench

# Needs pip-tools; run it after changing the dependencies in pyproject.toml.
lock:
	pip-compile --quiet --generate-hashes --strip-extras --extra aws --extra azure --extra dev --extra gcp --extra postgres --no-emit-index-url --no-emit-trusted-host \
		--no-emit-find-links --output-file requirements.lock pyproject.toml

# What a release contains: the distributions that the product needs at run time, with the hashes that the lock allows.
sbom: $(STAMP)
	$(BIN)/python -m scripts.sbom

release: $(STAMP) audit
	rm -rf dist
	$(BIN)/python -m hatchling build
	$(BIN)/python -m scripts.sbom

# The engine in the user's cache directory stays: building it again takes minutes.
clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache snapshot_report.html
	find core tui tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +
