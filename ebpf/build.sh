#!/usr/bin/env bash
# Builds the kernel side into recorder/bpf/, with the digest of its sources beside it.
# Needs the BPF toolchain (`make ebpf-toolchain`): a rustc with a precompiled core for bpfel-unknown-none, bpf-linker.
set -euo pipefail
cd "$(dirname "$0")"
: "${BPF_RUSTC:=/usr/bin/rustc}"
target=${CARGO_TARGET_DIR:-../target}/ebpf
for arch in ${ARCHES:-x86_64}; do
  env -u RUSTUP_TOOLCHAIN RUSTC="$BPF_RUSTC" RUSTC_BOOTSTRAP=1 CARGO_CFG_BPF_TARGET_ARCH="$arch" CARGO_TARGET_DIR="$target/$arch" \
    RUSTFLAGS="--cfg bpf_target_arch=\"$arch\" -Cdebuginfo=2 -Clink-arg=--btf --remap-path-prefix=$PWD=ebpf --remap-path-prefix=$HOME=~" \
    cargo build --release --locked --target bpfel-unknown-none
  mkdir -p ../recorder/bpf
  cp "$target/$arch/bpfel-unknown-none/release/soakbox" "../recorder/bpf/soakbox.$arch.bpf.o"
done
