# Everything runs in .venv, which the first target makes from nothing but Python 3.11 or newer.
PYTHON ?= python3
VENV   ?= .venv
RUN     = $(VENV)/bin/python
PORT   ?= 8501

# `make real`: hub names by default, local folders where there is no hub.
MODEL ?= HuggingFaceTB/SmolLM2-135M-Instruct
DATA  ?= openai/gsm8k:main
REAL  ?= real-project
REAL_FLAGS ?=

# `make bench-engine`: a model folder and a folder with GSM8K; PARTS names some of its parts.
PARTS ?=
PEERS  = $(VENV)-peers

.PHONY: install demo test slow-test check format lint types unit browser browser-test duckdb-1.5-test real clean screenshots
.PHONY: proof proof-quick proof-gsm8k proof-gentle fragility fragility-quick peers peers-test bench-engine bench-engine-quick bench-app bench-tables

install: $(VENV)/installed

$(VENV)/installed: pyproject.toml constraints.txt
	test -x $(RUN) || $(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt torch
	$(RUN) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[test]"
	touch $@

demo: install
	$(RUN) -m curation.cli demo demo-project --app --port $(PORT)

# One thread a worker: small models are slower where threads of two workers take turns.
PYTEST = OMP_NUM_THREADS=1 $(RUN) -m pytest --numprocesses 2 --dist loadfile

test: install
	$(PYTEST) -m "not slow and not browser and not peers"

slow-test: install
	$(PYTEST) --dist worksteal -m slow

check: install format lint types test

format: install
	$(RUN) -m ruff format --check .

lint: install
	$(RUN) -m ruff check .

types: install
	$(RUN) -m mypy

browser:
	command -v chromium >/dev/null || { apt-get update -qq && apt-get install --yes -qq chromium; }

browser-test: install browser
	$(RUN) -m pytest -m browser

# Pictures of every page, light and dark, on the demo.
screenshots: install browser
	test -d demo-project || $(RUN) -m curation.cli demo demo-project
	$(RUN) -m tests.browser.screenshots demo-project docs/screenshots

# The oldest DuckDB that is supported, in an environment of its own over the first.
duckdb-1.5-test: install
	$(PYTHON) -m venv $(VENV)-duckdb15
	echo "$$(realpath $(VENV))/lib/$$($(RUN) -c 'import sys; print(f"python{sys.version_info.major}.{sys.version_info.minor}")')/site-packages" \
	  > "$$(echo $(VENV)-duckdb15/lib/python*/site-packages)/first.pth"
	$(VENV)-duckdb15/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --ignore-installed "duckdb>=1.5,<1.6"
	$(VENV)-duckdb15/bin/python -c "import duckdb; assert duckdb.__version__.startswith('1.5'), duckdb.__version__"
	$(subst $(RUN),$(VENV)-duckdb15/bin/python,$(PYTEST)) -m "not browser and not peers" tests/store tests/selection tests/export tests/scoring

real: install
	MODEL="$(MODEL)" DATA="$(DATA)" PROJECT="$(REAL)" PYTHON="$(RUN)" FLAGS="$(REAL_FLAGS)" bash benchmarks/real.sh

# The engines that ours is compared with, in an environment of their own over the first, without what they want of CUDA.
peers: $(PEERS)/installed

$(PEERS)/installed: $(VENV)/installed benchmarks/peers/requirements.txt
	$(PYTHON) -m venv $(PEERS)
	echo "$$(realpath $(VENV))/lib/$$($(RUN) -c 'import sys; print(f"python{sys.version_info.major}.{sys.version_info.minor}")')/site-packages" \
	  > "$$(echo $(PEERS)/lib/python*/site-packages)/first.pth"
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r benchmarks/peers/requirements.txt
	touch $@

peers-test: peers
	$(RUN) -m pytest -m peers

bench-engine: peers
	$(RUN) -m benchmarks.engine --model "$(MODEL)" --data "$(DATA)" --peers $(PEERS)/bin/python $(if $(PARTS),--only $(PARTS))
	$(RUN) -m benchmarks.tables

bench-engine-quick: peers
	$(RUN) -m benchmarks.engine --quick --model "$(MODEL)" --data "$(DATA)" --peers $(PEERS)/bin/python $(if $(PARTS),--only $(PARTS))

# The app at a million traces: 4 GB under build/, and half an hour to make them.
bench-app: install browser
	$(RUN) -m benchmarks.app.run
	$(RUN) -m benchmarks.tables

# Does curating make a better model? About three hours on two cores, by estimate; docs/proof.md is made of it.
proof: peers
	$(RUN) -m benchmarks.proof.run --peers $(PEERS)/bin/python
	$(RUN) -m benchmarks.proof.page

proof-quick: install
	$(RUN) -m benchmarks.proof.run --quick

# The same in small on GSM8K with a real model, a quarter of the solutions spoilt: by estimate four hours of a free core.
proof-gsm8k: install
	$(RUN) -m benchmarks.proof.gsm8k --model "$(MODEL)" --data "$(DATA)"
	$(RUN) -m benchmarks.proof.page

# What a gentler training of the demo's pool 0 changes; by estimate three hours of a free core.
proof-gentle: install
	$(RUN) -m benchmarks.proof.gentle
	$(RUN) -m benchmarks.proof.page

# How far influence hangs on weight decay, depth, query and the engine's settings; docs/fragility.md is made of it.
fragility: install
	$(RUN) -m benchmarks.fragility.run
	$(RUN) -m benchmarks.fragility.page

fragility-quick: install
	$(RUN) -m benchmarks.fragility.run --quick

bench-tables: install
	$(RUN) -m benchmarks.tables

clean:
	rm -rf $(VENV) $(VENV)-peers $(VENV)-duckdb15 demo-project real-project build *.egg-info
