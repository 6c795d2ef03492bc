#!/usr/bin/env bash
# Runs clippy for the kernel side alone: with the workspace its panic handler would be compiled twice.
# Needs the BPF toolchain (`make ebpf-toolchain`). If it is missing, a skip is reported; with
# SOAKBOX_REQUIRE_TOOLS=1 this is a failure.
set -euo pipefail
cd "$(dirname "$0")"
: "${BPF_RUSTC:=/usr/bin/rustc}" "${BPF_CLIPPY:=/usr/bin/clippy-driver}"

if ! [ -x "$BPF_CLIPPY" ] || ! [ -d "$("$BPF_RUSTC" --print sysroot 2>/dev/null)/lib/rustlib/bpfel-unknown-none" ]; then
  echo "skipped: clippy of the kernel side (no BPF toolchain; \`make ebpf-toolchain\` installs it)" >&2
  [ "${SOAKBOX_REQUIRE_TOOLS:-0}" != 1 ]
  exit
fi
env -u RUSTUP_TOOLCHAIN RUSTC="$BPF_RUSTC" RUSTC_BOOTSTRAP=1 \
  RUSTC_WORKSPACE_WRAPPER="$BPF_CLIPPY" CLIPPY_ARGS=-Dwarnings__CLIPPY_HACKERY__ \
  RUSTFLAGS='--cfg bpf_target_arch="x86_64"' CARGO_CFG_BPF_TARGET_ARCH=x86_64 \
  CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-../target}/ebpf/lint" \
  cargo check --locked --target bpfel-unknown-none
