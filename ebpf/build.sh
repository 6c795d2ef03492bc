#!/usr/bin/env bash
# Builds the kernel side into recorder/bpf/, with the digest of its sources next to it
# (recorder/build.rs checks it). Needs the BPF toolchain (`make ebpf-toolchain`): a rustc with a
# precompiled core for bpfel-unknown-none, bpf-linker.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
: "${BPF_RUSTC:=/usr/bin/rustc}"
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")/ebpf
mkdir -p recorder/bpf
for arch in ${ARCHES:-x86_64}; do
  (
    cd ebpf
    env -u RUSTUP_TOOLCHAIN RUSTC="$BPF_RUSTC" RUSTC_BOOTSTRAP=1 CARGO_CFG_BPF_TARGET_ARCH="$arch" CARGO_TARGET_DIR="$target/$arch" \
      RUSTFLAGS="--cfg bpf_target_arch=\"$arch\" -Cdebuginfo=2 -Clink-arg=--btf --remap-path-prefix=$root=. --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo" \
      cargo build --release --locked --target bpfel-unknown-none
  )
  # Only DWARF is removed; BTF, which the loader needs, stays.
  "${LLVM_PREFIX:-/usr/lib/llvm-22}/bin/llvm-strip" --strip-debug \
    -o "$target/$arch/new.o" "$target/$arch/bpfel-unknown-none/release/soakbox"
  # An object that is the same as the last one that was built here keeps its time, so that cargo does
  # not compile the recorder again.
  last=$target/$arch/last.o
  if cmp -s "$target/$arch/new.o" "$last"; then rm "$target/$arch/new.o"; else mv "$target/$arch/new.o" "$last"; fi
  cp --preserve=timestamps "$last" "recorder/bpf/soakbox.$arch.bpf.o"
done
# The digest of the digests of all sources, in byte order of their paths. This script is among them,
# because of its flags.
digest=$(
  {
    find ebpf/src -name '*.rs'
    printf '%s\n' ebpf/Cargo.toml ebpf/Cargo.lock ebpf/build.sh schemas/Cargo.toml \
      schemas/src/{lib,control,control/cookie,control/return_cookie,control/way_out,counters,durations,event,histogram,marker,observation,target_cpu}.rs
  } |
    LC_ALL=C sort | xargs sha256sum | sha256sum | cut -d' ' -f1
)
written=recorder/bpf/soakbox.digest
[ "$(cat "$written" 2>/dev/null)" = "$digest" ] || printf '%s\n' "$digest" >"$written"
