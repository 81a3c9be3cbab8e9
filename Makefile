# make serve   start the service with the released model on http://127.0.0.1:8000 (PORT=9000 for another port)
# make test    install everything, then lint, types, architecture and all tests
# make train   the documented training run on MANIFEST; ends with a measured model folder in RUN/model
#              (REGIONS= for other photos than the released model's: its regions and weak labels belong to them)
# make bench   measure the service beside the machine's ceiling and beside other servers
# make clean   remove what these commands installed

PORT ?= 8000
MANIFEST ?= ../shared/photos/manifest.csv
RUN ?= runs/first
REGIONS ?= datasets/regions.csv
WEAK_LABELS ?= $(if $(REGIONS),datasets/weak_labels.toml)
PYTHON ?= python3
BIN := .venv/bin
WITHOUT_WEAK = $(if $(WEAK_LABELS),--weak-labels "$(WEAK_LABELS)")

.PHONY: serve test train bench clean

serve: .venv/serve-installed
	@$(BIN)/python -m serve --port $(PORT)

# a file stays in one process, in the order of the folders: the files that train, which take longest, come together last
test: .venv/dev-installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

train: .venv/dev-installed
	$(BIN)/python -m datasets check $(MANIFEST) || true
	$(BIN)/python -m training fit --manifest $(MANIFEST) --regions "$(REGIONS)" --out $(RUN)
	$(BIN)/python -m training refit $(RUN) --out $(RUN)/refit $(WITHOUT_WEAK)
	$(BIN)/python -m training export $(RUN)/refit --out $(RUN)/model
	$(BIN)/python -m training calibrate $(RUN)/model --manifest $(MANIFEST) $(WITHOUT_WEAK)
	$(BIN)/python -m training quantize $(RUN)/model --manifest $(MANIFEST) $(WITHOUT_WEAK)
	$(BIN)/python -m training robustness $(RUN)/model --manifest $(MANIFEST) --out $(RUN)/evaluation
	$(BIN)/python -m training evaluate $(RUN)/model --manifest $(MANIFEST) --out $(RUN)/evaluation

bench: .venv/dev-installed .venv-bench/installed
	$(BIN)/python -m benchmarks

clean:
	rm -rf .venv .venv-bench

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=...")'
	$(PYTHON) -m venv .venv

.venv/serve-installed: requirements/serve.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/serve.txt
	@touch $@

.venv/dev-installed: requirements/serve.txt requirements/dev.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/dev.txt
	@touch $@ .venv/serve-installed

.venv-bench/installed: requirements/bench.txt | .venv/bin/python
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check -r requirements/bench.txt
	@touch $@
