# Every command of the project. `make` lists them. The scripts that they call have the details.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

# One build directory for the demo and the tests, so that the query engine is compiled once.
export CARGO_TARGET_DIR ?= $(CURDIR)/target
export CARGO_TERM_PROGRESS_WHEN ?= auto

.PHONY: help
help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# ---- The two commands of the README ----

.PHONY: demo
demo: ## Record a service twice, healthy and degraded, and report the difference
	examples/demo.sh

.PHONY: test
test: test-format test-lint test-rust test-detects-noop test-demo test-python ## All checks and tests; reports those that the host does not allow
	@echo "make test: all passed"

# ---- Parts of the test ----

.PHONY: test-format
test-format: components ## rustfmt
	cargo fmt --all --check
	cargo fmt --manifest-path ebpf/Cargo.toml --check

.PHONY: test-lint
test-lint: components ## clippy, warnings are errors
	cargo clippy --workspace --all-targets --locked -- -D warnings
	ebpf/lint.sh

.PHONY: test-rust
test-rust: ## cargo test for the workspace, two programs at a time; kernel tests need BPF rights
	cargo build --workspace --bins --examples --locked
	.ci/test_programs.py --workspace --locked
	cargo test --workspace --locked --doc

.PHONY: test-detects-noop
test-detects-noop: ## The kernel tests must fail when nothing is attached
	recorder/tests/detects_noop.sh

.PHONY: test-demo
test-demo: ## A short demo must show the expected differences; the notebooks run on its recording
	examples/test.sh

.PHONY: test-python
test-python: ## Type checks of the Python files
	.ci/python-types

.PHONY: components
components:
	@cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1 \
	  || rustup component add rustfmt clippy

# ---- The kernel side ----

.PHONY: ebpf
ebpf: ## Rebuild recorder/bpf from source; needs `make ebpf-toolchain` once
	ebpf/build.sh

.PHONY: ebpf-toolchain
ebpf-toolchain: ## Install the compiler and linker of the kernel side (Debian 12, as root)
	ebpf/toolchain.sh

# ---- Measurements and long tests ----

.PHONY: bench
bench: ## Costs and throughput on this machine; see docs/measurements.md
	python3 examples/bench

.PHONY: test-kernels
test-kernels: ## Kernel tests on other kernels, in a virtual machine (Debian, as root; minutes for each kernel)
	recorder/tests/kernels.sh

.PHONY: test-systemd
test-systemd: ## The systemd unit under a real systemd, in namespaces of its own (Debian, as root)
	recorder/tests/systemd.sh

.PHONY: endurance
endurance: ## Tests that take too long for `make test`; see docs/measurements.md
	SOAKBOX_REQUIRE_KERNEL=1 cargo test --workspace --locked -- --ignored --nocapture
	SOAKBOX_REQUIRE_KERNEL=1 SOAKBOX_ROUNDS=100 cargo test --workspace --locked --test suite -- --nocapture kernel_whole_binaries
	cargo run --release --locked -p soakbox-statistics --example simulate -- --full
	$(MAKE) test-kernels
	$(MAKE) test-systemd

.PHONY: fuzz
fuzz: ## One minute of fuzzing for each parser; needs `cargo install cargo-fuzz`
	cd fuzz && for target in elf go unwind notes exception_table code demangle mini_debug_info probe journal btf names decimal records histogram hdr_histogram imports; do \
	  cargo fuzz run --fuzz-dir . --sanitizer none "$$target" -- -max_total_time=60 || exit 1; done

.PHONY: clean
clean: ## Remove the build and the demo's output
	cargo clean
	rm -rf demo-output
