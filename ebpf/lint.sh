#!/usr/bin/env bash
# clippy for the kernel side, separately: linting it with the workspace would compile its panic
# handler twice. Needs the BPF toolchain (`make ebpf-toolchain`). Without it, the lint is skipped
# with a message; with SOAKBOX_REQUIRE_TOOLS=1 it fails.
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
