# make run | test | lint | bench: each makes its own .venv first. `make` alone lists them.
# make run RECIPE=summarization: another recipe than sentiment; what it needs is installed too.
PYTHON ?= python3
RECIPE ?= sentiment
EXTRA_summarization = generation
EXTRA_dialogue = generation
EXTRA_generation = generation
ALONE_recommendation = recbole==1.2.1
BIN = .venv/bin

.PHONY: help run test lint bench clean

help:
	@sed -n 's/^# make/make/p' Makefile

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -c constraints.txt torch
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[train,serve,packaged,generation,mlflow,wandb,dev]"
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

test: lint
	$(BIN)/python -m pytest -n 2 --dist worksteal

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
