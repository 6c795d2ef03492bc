#!/usr/bin/env bash
# Installs the tools of ebpf/build.sh on Debian 12: a rustc with a precompiled core for BPF, LLVM and
# bpf-linker. Needs root. bpf-linker is built in about two minutes, unless it is already installed.
set -euo pipefail
version=0.13.0

export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends rustc-web libstd-rust-web-dev-bpf rust-web-clippy llvm-22-dev

if [ "$(bpf-linker --version 2>/dev/null)" = "bpf-linker $version" ]; then
  echo "bpf-linker $version is already installed"
  exit 0
fi
LLVM_PREFIX=/usr/lib/llvm-22 LLVM_SYS_221_PREFIX=/usr/lib/llvm-22 PATH=/usr/lib/llvm-22/bin:$PATH \
  cargo install bpf-linker --version "$version" --locked --no-default-features --features llvm-22 --force
