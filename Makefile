# Every target makes its own .venv; nothing else needs to be installed but Python 3.11+, git and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test lint slow browser mutation fuzz docs reference notebooks clean

demo: $(VENV)/.run
	$(BIN)/reissue run scenarios/delay_below_sync_period.yaml
	$(BIN)/reissue run scenarios/delayed_30d.yaml

test: $(VENV)/.test
	$(BIN)/python -m pytest -q -n auto

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

slow: $(VENV)/.test $(VENV)/.docs
	$(BIN)/python -m pytest -q -m slow

browser: $(VENV)/.browser
	$(BIN)/python -m pytest -q -m browser

docs: $(VENV)/.docs
	$(BIN)/sphinx-build -W --keep-going -b html docs out/docs

reference: $(VENV)/.run
	$(BIN)/python docs/_ext/scenario_reference.py

notebooks: $(VENV)/.notebook
	$(BIN)/jupyter lab notebooks

# Resumes where it was interrupted; `rm -r .mutation` begins anew.
mutation: $(VENV)/.mutation
	$(BIN)/python -m mutation.run
	$(BIN)/python -m mutation.report

# Resumes where it stopped, and keeps what fails; `rm -r .fuzz` begins anew.
fuzz: $(VENV)/.test
	$(BIN)/python tests/inputs/fuzz.py

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

$(VENV)/.test: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test,lint]'
	touch $@ $(VENV)/.run

$(VENV)/.browser: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test,browser,notebook]'
	touch $@ $(VENV)/.run

$(VENV)/.docs: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	touch $@ $(VENV)/.run

$(VENV)/.notebook: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[notebook]'
	touch $@ $(VENV)/.run

$(VENV)/.mutation: $(VENV)/.test
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test,mutation]'
	touch $@

clean:
	rm -rf $(VENV) out/docs build dist *.egg-info
