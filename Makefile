# make demo | test | lint | bench | faults | frozen | hosts | corpus | docs | clean.  Everything is installed into .venv, again only when setup.cfg has changed.
#
#   PYTHON=python3.12     the interpreter (3.11 or newer); it gets a virtual environment of its own
#   QT=pyside6            the Qt binding (pyqt5, pyqt6, pyside6); so does this
#   DEMO_SECONDS=30       make demo stops by itself after so long (10 when there is no display)
#   OUT=DIR               where make demo writes its file and its screenshot
#   DIR=FOLDER            make corpus looks at every HDF5 file in it
#   ARGS="-k icons -x"    more words for pytest
#   WORKERS=2             so many test processes side by side (0: one, with its output as it comes)

PYTHON ?= python3
QT ?= pyqt5
ifneq ($(PYTHON),python3)
  VERSION := -$(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || echo none)
endif
VENV := .venv$(VERSION)$(if $(filter-out pyqt5,$(QT)),-$(QT))
PY := $(VENV)/bin/python
DEMO_SECONDS ?=
OUT ?=
ARGS ?=
BINDINGS := pyqt5=PyQt5 pyqt6=PyQt6 pyside6=PySide6
export PYQTGRAPH_QT_LIB := $(patsubst $(QT)=%,%,$(filter $(QT)=%,$(BINDINGS)))
export PYTEST_QT_API := $(QT)
# Each of the many processes of the tests would compile the package again.
export PYTHONDONTWRITEBYTECODE :=
WORKERS ?= 2

.PHONY: help demo test lint format bench faults frozen hosts corpus docs clean
.DELETE_ON_ERROR:

help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' $(MAKEFILE_LIST)

demo: $(VENV)/.demo-stamp
	@$(PY) h5saver_widget/qt/syscheck.py
	@$(PY) -m h5saver_widget demo $(if $(DEMO_SECONDS),--seconds "$(DEMO_SECONDS)") $(if $(OUT),--out "$(OUT)")

test: $(VENV)/.test-stamp $(VENV)/.tiled-stamp
	@QT_QPA_PLATFORM=offscreen $(PY) h5saver_widget/qt/syscheck.py
	@$(PY) -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

lint: $(VENV)/.lint-stamp
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(PY) -m pyright --project tests/typing
	$(PY) $(VENV)/bin/lint-imports

format: $(VENV)/.lint-stamp
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

bench: $(VENV)/.test-stamp
	@QT_QPA_PLATFORM=offscreen $(PY) h5saver_widget/qt/syscheck.py
	@set -e; for script in benchmarks/bench_*.py; do $(PY) "$$script"; done

docs: $(VENV)/.docs-stamp
	@$(PY) -m mkdocs build --strict --quiet
	@echo "The documentation is in build/docs/index.html"

# Every HDF5 file of a folder through all that is done with files of other programs; a table of verdicts.
corpus: $(VENV)/.test-stamp
	@test -n "$(DIR)" || { echo "Say which folder: make corpus DIR=..." >&2; exit 1; }
	@QT_QPA_PLATFORM=offscreen $(PY) tests/foreign/corpus.py "$(DIR)" $(ARGS)

# The counts of docs/reliability.md: takes hours. NAMES="kills" TIMES=20 make some of them; strace is needed for crash points.
faults: $(VENV)/.test-stamp
	@$(PY) tests/faults/full.py $(NAMES) $(if $(TIMES),--times "$(TIMES)") --results "$(or $(OUT),.)/faults.jsonl"

# Programs built by PyInstaller, of one folder and of one file, run and killed: some minutes.
frozen: $(VENV)/.frozen-stamp
	@QT_QPA_PLATFORM=offscreen $(VENV)/frozen/bin/python -m pytest -c /dev/null --rootdir . --confcutdir tests/frozen \
	    tests/frozen/frozen_programs.py $(ARGS)

# Every program of examples/hosts, with the packages that it is for; napari needs a screen, real or Xvfb's.
SCREEN = $(if $(DISPLAY)$(WAYLAND_DISPLAY),,$(if $(shell command -v xvfb-run),xvfb-run -a))
hosts: $(VENV)/.hosts-stamp
	@ALL_HOSTS=1 $(SCREEN) $(VENV)/hosts/bin/python -m pytest -c /dev/null --rootdir . --noconftest --disable-warnings \
	    tests/test_host_examples.py $(ARGS)

clean:
	rm -rf .venv .venv-* build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# One line is said for each thing that can be missing; pip's own words are kept in a file.
$(VENV)/.made:
	@test -n "$(PYQTGRAPH_QT_LIB)" || { echo "QT=$(QT) is no Qt binding: choose pyqt5, pyqt6 or pyside6" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	    echo "h5saver_widget needs Python 3.11 or newer; '$(PYTHON)' is `$(PYTHON) --version 2>/dev/null || echo not there`." \
	         "Name another: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	    echo "Python's venv module is missing: sudo apt-get install python3-venv" >&2; exit 1; }
	@test -x $(PY) || $(PYTHON) -m venv $(VENV) >/dev/null || { \
	    echo "The virtual environment $(VENV) could not be made by $(PYTHON): is the disk full or the folder read-only?" >&2; \
	    exit 1; }
	@touch $@

# A server with many libraries of its own, for tests/tiled; without it they are left out, and that is said.
$(VENV)/.tiled-stamp: $(VENV)/.made
	@echo "Installing Tiled into $(VENV)/tiled (a minute, once) ..."
	@$(PYTHON) -m venv $(VENV)/tiled && \
	    $(VENV)/tiled/bin/python -m pip install 'tiled[server] ==0.2.20' h5py hdf5plugin >$(VENV)/tiled.log 2>&1 || { \
	    echo "Tiled could not be installed: tests/tiled is left out (what pip said: $(VENV)/tiled.log)" >&2; rm -rf $(VENV)/tiled; }
	@touch $@

# What is built takes in whatever it finds: a place with nothing but the package.
$(VENV)/.frozen-stamp: $(VENV)/.made setup.cfg pyproject.toml $(shell find h5saver_widget -name '*.py')
	@echo "Installing h5saver_widget[frozen] into $(VENV)/frozen ..."
	@$(PYTHON) -m venv $(VENV)/frozen && $(VENV)/frozen/bin/python -m pip install '.[frozen]' >$(VENV)/frozen.log 2>&1 || { \
	    echo "It could not be installed (what pip said: $(VENV)/frozen.log)" >&2; exit 1; }
	@touch $@

$(VENV)/.hosts-stamp: $(VENV)/.made setup.cfg
	@echo "Installing h5saver_widget[hosts] into $(VENV)/hosts ..."
	@$(PYTHON) -m venv $(VENV)/hosts && $(VENV)/hosts/bin/python -m pip install -e '.[hosts]' >$(VENV)/hosts.log 2>&1 || { \
	    echo "It could not be installed (what pip said: $(VENV)/hosts.log)" >&2; exit 1; }
	@touch $@

$(VENV)/.%-stamp: $(VENV)/.made setup.cfg pyproject.toml
	@echo "Installing h5saver_widget[$*,$(QT)] into $(VENV) (a minute or two, once) ..."
	@$(PY) -m pip install -e '.[$*,$(QT)]' >$(VENV)/install.log 2>&1 || { \
	    echo "pip could not install h5saver_widget[$*]: `sed -n 's/.*ERROR: //p' $(VENV)/install.log | tail -n 1`" \
	         "(everything pip said: $(VENV)/install.log)" >&2; exit 1; }
	@touch $@
