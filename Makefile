# `make demo` and `make test` set up all that they need on a fresh machine; everything else is in CONTRIBUTING.md.

CARGO ?= cargo
TOOL := target/release/cargo-pyodide
# Compiled sooner: whoever tries the tool has it in two minutes on two cores.
DEMO_TOOL := target/demo/cargo-pyodide
# The lines that the demo builds for.
PYODIDE ?= 314
export CARGO_PYODIDE_CACHE_DIR ?= $(CURDIR)/target/pyodide-cache

.PHONY: demo demo-ready demo-tool playground test test-all lint setup setup-demo bench peers fuzz polars sweep clean

demo: demo-ready
	python3 examples/tiktoken/demo.py $(DEMO_TOOL) $(PYODIDE)

# Serves what it writes until Ctrl-C.
playground: demo-ready
	python3 examples/tiktoken/playground.py $(DEMO_TOOL) target/playground
	$(DEMO_TOOL) serve target/playground --open

test: setup lint
	$(CARGO) test --locked

test-all: setup lint
	TEST_LINES=all $(CARGO) test --locked

lint: setup
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	$(CARGO) check --quiet --locked --manifest-path fuzz/Cargo.toml --no-default-features --target-dir target
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps --quiet
	python3 tools/lint_scripts.py

setup:
	@sh tools/setup.sh

setup-demo:
	@sh tools/setup.sh demo

# What the demo needs is installed while the tool compiles: neither waits for the other.
demo-ready:
	@$(MAKE) --no-print-directory -j2 setup-demo demo-tool

demo-tool:
	$(CARGO) build --profile demo --locked

bench: setup
	$(CARGO) build --release --locked
	python3 benches/overhead.py $(TOOL)

# Takes about an hour: builds eight packages and measures them beside the wheels of the package index.
peers: setup
	$(CARGO) build --release --locked
	python3 benches/peers.py $(TOOL)

# Ten minutes for each target; `python3 fuzz/run.py --help` says how to have less.
fuzz:
	python3 fuzz/run.py

# Takes about twenty minutes on two cores. There are recipes for `POLARS=0.20.31` and `POLARS=2.1.0`, too; the latter's Rust is in
# its requirement polars-runtime-32.
POLARS ?= 1.27.1
polars: setup
	$(CARGO) build --release --locked
	$(TOOL) build polars==$(POLARS) --with-deps --pyodide 314 --out-dir target/polars
	$(TOOL) run --pyodide 314 --with target/polars/polars*-$(POLARS)-*.whl --with polars==$(POLARS) examples/polars/check.py

# Takes hours: every package of the list on three lines, with its own tests here and in Pyodide.
sweep: setup
	$(CARGO) build --release --locked
	$(TOOL) sweep examples/sweep/packages.txt --pyodide 0.27,0.29,314 --native --out target/sweep --resume

clean:
	$(CARGO) clean
