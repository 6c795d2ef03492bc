#!/usr/bin/env bash
# Installs the packages that ebpf/build.sh needs on Debian 12: a rustc with a precompiled core for
# BPF, LLVM, bpf-linker. Needs root. Building bpf-linker takes about two minutes; an installed one
# of this version is kept.
set -euo pipefail
version=0.13.0

export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends rustc-web libstd-rust-web-dev-bpf rust-web-clippy llvm-22-dev

if [ "$(bpf-linker --version 2>/dev/null)" = "bpf-linker $version" ]; then
  echo "bpf-linker $version is installed already"
  exit 0
fi
LLVM_PREFIX=/usr/lib/llvm-22 LLVM_SYS_221_PREFIX=/usr/lib/llvm-22 PATH=/usr/lib/llvm-22/bin:$PATH \
  cargo install bpf-linker --version "$version" --locked --no-default-features --features llvm-22 --force
