# Two commands are enough: `make demo` and `make test`. Both create what they need in .venv.

PYTHON ?= python3
VENV ?= .venv
CONSTRAINTS ?= constraints.txt
OUT ?= insarfeat-demo
RUN := $(VENV)/bin
INSTALL := $(RUN)/python -m pip install -qq --disable-pip-version-check -c $(CONSTRAINTS)

.PHONY: help demo test check format docs bench clean

help:
	@echo "make demo    make a synthetic scene and its layers, look for landslides, draw a report (in $(OUT)/)"
	@echo "make test    run all tests"
	@echo "make check   ruff and mypy"
	@echo "make format  let ruff format the code"
	@echo "make docs    build the documentation (docs/_build/html/index.html)"
	@echo "make bench   measure against the machine and the installed peers"
	@echo "make clean   remove the environment, caches and demo results"

demo: $(VENV)/demo.stamp
	$(RUN)/insarfeat demo $(OUT) --overwrite
	$(RUN)/insarfeat predict segformer-b0-synth-v1 $(OUT)/stack.nc $(OUT)/landslides.tif --overwrite
	$(RUN)/insarfeat predict yolo-s-synth-v1 $(OUT)/stack.nc $(OUT)/boxes.geojson --overwrite
	$(RUN)/insarfeat report $(OUT)/stack.nc $(OUT)/landslides.tif $(OUT)/boxes.geojson --out $(OUT)/report.html --overwrite
	@echo
	@echo "layers       $(OUT)/stack.nc"
	@echo "masks        $(OUT)/landslides.tif"
	@echo "boxes        $(OUT)/boxes.geojson"
	@echo "report       $(OUT)/report.html  (open it in a browser)"

test: $(VENV)/test.stamp
	$(RUN)/python -m pytest -n 2 -q --durations=20 --durations-min=5

check: $(VENV)/test.stamp
	$(RUN)/ruff format --check .
	$(RUN)/ruff check .
	$(RUN)/mypy

format: $(VENV)/test.stamp
	$(RUN)/ruff format .
	$(RUN)/ruff check --fix .

docs: $(VENV)/docs.stamp
	$(RUN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo "docs         docs/_build/html/index.html  (open it in a browser)"

bench: $(VENV)/bench.stamp
	$(RUN)/insarfeat bench

$(VENV)/demo.stamp $(VENV)/test.stamp $(VENV)/docs.stamp $(VENV)/bench.stamp: $(VENV)/%.stamp: $(VENV)/python.stamp pyproject.toml $(CONSTRAINTS)
	@echo "installing insarfeat and what it needs ($*) into $(VENV): a few minutes"
	$(INSTALL) -e ".[$(EXTRA_$*)]"
	@touch $@

EXTRA_demo := plot,vector,zoo
EXTRA_test := test
EXTRA_docs := docs
EXTRA_bench := plot,bench

$(VENV)/python.stamp:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name one with: make PYTHON=/path/to/python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

clean:
	rm -rf $(VENV) $(OUT) .pytest_cache .mypy_cache .ruff_cache .hypothesis dist build
	find insarfeat benchmarks tests -name __pycache__ -type d -exec rm -rf {} +
