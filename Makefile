# Everything needs only Python >= 3.10, make and a C++20 compiler; the rest comes into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SOURCES := CMakeLists.txt pyproject.toml $(shell find cpp python -type f ! -name '*.pyc')

.PHONY: test demo benchmark develop clean

# An environment per purpose, with binfeed installed as a user would.
$(VENV)/%/installed: $(SOURCES)
	$(PYTHON) -m venv $(VENV)/$*
	$(VENV)/$*/bin/python -m pip install --quiet --upgrade pip
	$(VENV)/$*/bin/python -m pip install --quiet '.[$*]'
	touch $@

test: $(VENV)/test/installed
	$(VENV)/test/bin/ruff check .
	$(VENV)/test/bin/ruff format --check .
	$(VENV)/test/bin/mypy
	$(VENV)/test/bin/python -m pytest

demo: $(VENV)/demo/installed
	$(VENV)/demo/bin/python examples/digits.py

benchmark: $(VENV)/benchmark/installed
	$(VENV)/benchmark/bin/python -m benchmarks

# For developers: an editable install that compiles again at import, with warnings as errors.
develop:
	$(PYTHON) -m venv $(VENV)/develop
	$(VENV)/develop/bin/python -m pip install --quiet --upgrade pip
	$(VENV)/develop/bin/python -m pip install --quiet 'scikit-build-core>=0.11' 'pybind11>=3.0' cmake ninja
	$(VENV)/develop/bin/python -m pip install --no-build-isolation --editable '.[test]' \
	  --config-settings=editable.rebuild=true --config-settings=build-dir=build/develop \
	  --config-settings=cmake.define.BINFEED_WARNINGS_AS_ERRORS=ON

clean:
	rm -rf $(VENV) build dist out
