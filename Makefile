# Only Python >= 3.10, make and a C++20 compiler must be installed; the rest is installed into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SOURCES := CMakeLists.txt pyproject.toml $(shell find cpp python -type f ! -name '*.pyc')

.PHONY: lint test test-tensorflow-versions demo benchmark benchmark-smoke roofline orders tables expressions develop sanitize sanitize-threads fuzz fuzz-bytes clean

# One environment per purpose, with binfeed installed the way a user would install it.
$(VENV)/%/installed: $(SOURCES)
	$(PYTHON) -m venv $(VENV)/$*
	$(VENV)/$*/bin/python -m pip install --quiet --upgrade pip
	$(VENV)/$*/bin/python -m pip install --quiet '.[$*]'
	touch $@

# Checks the style, with the tools of the environment. pre-commit needs a git repository, which an unpacked sdist is
# not.
lint: $(VENV)/test/installed
	@if [ -e .git ]; then \
	  PATH="$(CURDIR)/$(VENV)/test/bin:$$PATH" PRE_COMMIT_HOME="$(CURDIR)/$(VENV)/pre-commit" \
	    pre-commit run --all-files; \
	else \
	  echo "make lint: skipped, since pre-commit runs in a git repository only"; \
	fi

test: lint
	$(VENV)/test/bin/python -m pytest --numprocesses=logical --maxprocesses=4 --dist=worksteal

# Tests one wheel with the oldest TensorFlow that is supported (which needs Python 3.12 or older) and with the newest.
test-tensorflow-versions:
	$(PYTHON) -m venv $(VENV)/wheel
	$(VENV)/wheel/bin/python -m pip wheel --quiet --no-deps --wheel-dir $(VENV)/wheel/dist .
	for version in '==2.16.2' '>=2.16'; do \
	  rm -rf $(VENV)/versions; \
	  $(PYTHON) -m venv $(VENV)/versions; \
	  $(VENV)/versions/bin/python -m pip install --quiet $(VENV)/wheel/dist/*.whl "tensorflow$$version" \
	    pytest hypothesis || exit 1; \
	  $(VENV)/versions/bin/python -m pytest $(addprefix tests/test_, tensorflow.py graph_engine.py drop_ins.py) || exit 1; \
	done

demo: $(VENV)/demo/installed
	$(VENV)/demo/bin/python examples/digits.py

# Every workload and reader; the report is out/benchmarks/report.html.
benchmark: $(VENV)/benchmark/installed
	$(VENV)/benchmark/bin/python -m benchmarks --output out/benchmarks

# Checks that they all work and agree with NumPy; nothing is timed.
benchmark-smoke: $(VENV)/benchmark/installed
	$(VENV)/benchmark/bin/python -m benchmarks --smoke
	$(VENV)/benchmark/bin/python -m benchmarks.tables --smoke
	$(VENV)/benchmark/bin/python -m benchmarks.expressions --smoke

# Compares the decoder with loops written by hand.
roofline: $(VENV)/benchmark/installed
	$(VENV)/benchmark/bin/python -m benchmarks.roofline

# Shuffles and windows, warm and cold.
orders: $(VENV)/benchmark/installed
	$(VENV)/benchmark/bin/python -m benchmarks.orders

# The rows of databases; PostgreSQL must be installed, or is left out.
tables: $(VENV)/benchmark/installed
	$(VENV)/benchmark/bin/python -m benchmarks.tables

# Arithmetic with features, on one thread.
expressions: $(VENV)/benchmark/installed
	$(VENV)/benchmark/bin/python -m benchmarks.expressions

# For developers: an editable install that is compiled again at import, with warnings as errors.
develop:
	$(PYTHON) -m venv $(VENV)/develop
	$(VENV)/develop/bin/python -m pip install --quiet --upgrade pip
	$(VENV)/develop/bin/python -m pip install --quiet 'scikit-build-core>=0.11' 'pybind11>=3.0' cmake ninja
	$(VENV)/develop/bin/python -m pip install --no-build-isolation --editable '.[test]' \
	  --config-settings=editable.rebuild=true --config-settings=build-dir=build/develop \
	  --config-settings=cmake.define.BINFEED_WARNINGS_AS_ERRORS=ON

# CMake for what is built without Python.
CMAKE := $(VENV)/cmake/bin/cmake
$(CMAKE):
	$(PYTHON) -m venv $(VENV)/cmake
	$(VENV)/cmake/bin/python -m pip install --quiet cmake ninja
build/preset-%/built: $(CMAKE) $(SOURCES) CMakePresets.json
	PATH="$(CURDIR)/$(VENV)/cmake/bin:$$PATH" $(CMAKE) --preset $* -G Ninja
	$(CMAKE) --build build/preset-$*
	touch $@

# With AddressSanitizer and UndefinedBehaviorSanitizer, until the first finding: the ops, in a small substitute for
# TensorFlow, and the tests of the decoder, except for those that load TensorFlow, which does not run under sanitizers,
# and for one that limits memory, which does not suffice for sanitizers.
SANITIZED := $(addprefix tests/test_, decode.py order.py batches.py windows.py history.py reader.py memory_safety.py bad_input.py copy_parser.py)
sanitize: build/preset-sanitize/built
	ASAN_OPTIONS=handle_sigbus=0 build/preset-sanitize/cpp/tests/test_ops tests/corpus/plans
	$(PYTHON) -m venv $(VENV)/sanitize
	$(VENV)/sanitize/bin/python -m pip install --quiet --upgrade pip
	$(VENV)/sanitize/bin/python -m pip install --quiet '.[test]' \
	  --config-settings=build-dir=build/sanitize --config-settings=cmake.build-type=Debug \
	  --config-settings=cmake.define.BINFEED_SANITIZE=address,undefined
	LD_PRELOAD="$$($(CXX) -print-file-name=libasan.so) $$($(CXX) -print-file-name=libstdc++.so)" \
	  ASAN_OPTIONS=detect_leaks=0:handle_sigbus=0:handle_segv=0 PYTHONMALLOC=malloc \
	  $(VENV)/sanitize/bin/python -m pytest -p no:cacheprovider -k "not tensorflow and not tf_data and not take_no_memory" $(SANITIZED)

# With ThreadSanitizer, which needs addresses that are not randomised: readers, buffers and ops shared by many threads.
sanitize-threads: build/preset-sanitize-threads/built
	for test in test_ops test_threads; do \
	  TSAN_OPTIONS=suppressions=cpp/tests/suppressions.txt:history_size=7 \
	    setarch --addr-no-randomize build/preset-sanitize-threads/cpp/tests/$$test || exit 1; \
	done

# Random cases, read in every way and compared with a model in NumPy, for FUZZ_SECONDS; SEED=N repeats them.
FUZZ_SECONDS := 600
fuzz: $(VENV)/test/installed
	$(VENV)/test/bin/python -m tests.differential --seconds $(FUZZ_SECONDS) $(if $(SEED),--seed $(SEED))

# Mutated plans, for FUZZ_SECONDS; needs Clang for its libFuzzer. Its findings are in out/fuzz.
fuzz-bytes:
	@command -v clang++ > /dev/null || { echo "make fuzz-bytes needs clang++ and its libFuzzer: \
	apt-get install clang libclang-rt-dev, or the packages of your system" >&2; exit 1; }
	$(MAKE) build/preset-fuzz/built
	mkdir -p out/fuzz/plans
	ASAN_OPTIONS=handle_sigbus=0 build/preset-fuzz/cpp/tests/fuzz_plans -max_total_time=$(FUZZ_SECONDS) \
	  -timeout=10 -max_len=8192 -malloc_limit_mb=256 -rss_limit_mb=2048 -artifact_prefix=out/fuzz/ \
	  out/fuzz/plans tests/corpus/plans

clean:
	rm -rf $(VENV) build dist out
