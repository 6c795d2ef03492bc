#!/usr/bin/env bash
# Runs kernel tests on other kernels: boots Debian's kernels in a virtual machine (QEMU, emulated, so
# that no hardware help is needed) whose root is this host's, read-only, and runs the test suite
# there. Needs Debian with qemu-system-x86, busybox-static and cpio, and the network for the kernels.
#
#   recorder/tests/kernels.sh                      # every release of RELEASES
#   KERNELS="7.2 6.12" recorder/tests/kernels.sh   # these
#   SUBJECTS="kernel_go::" recorder/tests/kernels.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
RELEASES="6.1 6.12 6.17 6.18 6.19 7.2"
: "${KERNELS:=$RELEASES}" "${SUBJECTS:=settings_in_kernel:: loaded_programs:: kernel_returns:: kernel_tail_calls:: kernel_pairs::}"
: "${SECONDS_EACH:=1500}"
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
work=$target/kernels
mirror=http://deb.debian.org/debian
mkdir -p "$work"

need() {
  [ -e "$1" ] || { echo "kernels: needs $1; hint: apt-get install $2" >&2; exit 2; }
}
need /usr/bin/qemu-system-x86_64 qemu-system-x86
need /usr/lib/qemu/virtiofsd qemu-system-common
need /usr/bin/busybox busybox-static
need /usr/bin/cpio cpio

# The packages of Debian's suites that have kernels: "PACKAGE FILE".
packages() {
  local suite
  for suite in bookworm bookworm-backports trixie-backports; do
    curl -fsSL "$mirror/dists/$suite/main/binary-amd64/Packages.xz" | xz -dc |
      awk '/^Package: /{package=$2} /^Filename: /{print package, $2}'
  done | grep -E '^linux-(image|binary)-[0-9.]+[^ ]*-cloud-amd64 '
}

# The newest kernel of a release, as the path of its image.
fetch() {
  local release=$1 name file
  name=$(awk '{print $1}' "$work/packages" | sed -E 's/^linux-(image|binary)-//' |
    grep -E "^${release//./\\.}[.-]" | sort -V | tail -1)
  [ -n "$name" ] || { echo "kernels: Debian has no kernel $release" >&2; return 1; }
  if [ ! -e "$work/$name/vmlinuz" ]; then
    # Newer packages have the image in one of their own.
    file=$(awk -v name="$name" '$1 == "linux-binary-" name {print $2}' "$work/packages" | head -1)
    [ -n "$file" ] || file=$(awk -v name="$name" '$1 == "linux-image-" name {print $2}' "$work/packages" | head -1)
    mkdir -p "$work/$name"
    curl -fsSL "$mirror/$file" -o "$work/$name/package.deb"
    dpkg-deb -x "$work/$name/package.deb" "$work/$name"
    cp "$(find "$work/$name" -name 'vmlinuz*' -type f | head -1)" "$work/$name/image"
    mv "$work/$name/image" "$work/$name/vmlinuz"
    rm -r "$work/$name/package.deb"
  fi
  echo "$name"
}

# Drivers of the shared root, each behind those that it needs. Newer kernels have them built in.
modules="virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci fuse virtiofs"

# Root file system of the first process: mounts the host's and runs inside.sh.
initrd() {
  local name=$1 root=$work/initrd module
  rm -rf "$root"
  mkdir -p "$root"/{bin,proc,sys,dev,host,modules}
  cp /usr/bin/busybox "$root/bin/"
  for module in $modules; do
    find "$work/$name" -name "$module.ko" -exec cp {} "$root/modules/" \;
  done
  cat >"$root/init" <<INIT
#!/bin/busybox sh
b=/bin/busybox
\$b mount -t proc proc /proc
\$b mount -t sysfs sys /sys
\$b mount -t devtmpfs dev /dev
for m in $modules; do [ ! -e /modules/\$m.ko ] || \$b insmod /modules/\$m.ko; done
\$b mount -t virtiofs -o ro host /host
for d in tmp run var/tmp $target/tmp; do \$b mount -t tmpfs none /host/\$d; done
for d in proc sys dev; do \$b mount --rbind /\$d /host/\$d; done
\$b mount -t tracefs none /host/sys/kernel/tracing
\$b mount -t bpf none /host/sys/fs/bpf
\$b ip link set lo up
\$b chroot /host /bin/bash $work/inside.sh
\$b poweroff -f
INIT
  chmod +x "$root/init"
  (cd "$root" && find . | cpio -o -H newc --quiet | gzip) >"$work/initrd.gz"
}

run() {
  local name=$1 socket
  socket=$(mktemp -u "${TMPDIR:-/tmp}/soakbox-kernels.XXXXXX")
  /usr/lib/qemu/virtiofsd --socket-path="$socket" -o source=/ -o cache=always -o sandbox=chroot \
    >"$work/$name/virtiofsd.log" 2>&1 &
  local server=$!
  for _ in $(seq 50); do [ -S "$socket" ] && break; sleep 0.1; done
  timeout "$SECONDS_EACH" qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 -m 3G \
    -nographic -no-reboot -object memory-backend-memfd,id=memory,size=3G,share=on \
    -numa node,memdev=memory -chardev socket,id=files,path="$socket" \
    -device vhost-user-fs-pci,chardev=files,tag=host -kernel "$work/$name/vmlinuz" \
    -initrd "$work/initrd.gz" -append "console=ttyS0 quiet panic=-1" </dev/null >"$work/$name/console.log" 2>&1 || true
  kill "$server" 2>/dev/null || true
  rm -f "$socket"
}

cargo build --workspace --bins --examples --locked --quiet
suite=$(cargo test --workspace --locked --test suite --no-run 2>&1 |
  sed -nE 's/.*\(([^)]*deps\/suite-[0-9a-f]+)\).*/\1/p' | while read -r program; do
    if "$program" --list 2>/dev/null | grep '^kernel_pairs::' >/dev/null; then echo "$program"; fi
  done)
suite=${suite%%$'\n'*}
[ -n "$suite" ] || { echo "kernels: the recorder's test suite was not built" >&2; exit 1; }

# The targets are built here, because compilers are slow there.
tar -C "$target" -cf "$work/targets.tar" tmp
cat >"$work/inside.sh" <<INSIDE
export PATH=$PATH HOME=/tmp CARGO_TARGET_DIR=$target SOAKBOX_REQUIRE_KERNEL=1
cd $PWD/recorder
tar -C $target -xf $work/targets.tar
uname -r
$target/debug/soakbox-recorder check | grep -E '^(kernel|programs|returns)'
RUST_BACKTRACE=0 $suite --test-threads=1 $SUBJECTS
echo "kernels: ended with \$?"
INSIDE
packages >"$work/packages"
failed=0
for release in $KERNELS; do
  name=$(fetch "$release") || { failed=1; continue; }
  started=$SECONDS
  initrd "$name"
  log=$work/$name/console.log
  # An emulated machine sometimes crashes while it boots: then it is started again.
  for _ in 1 2 3; do
    run "$name"
    grep -qa '^kernel  ' "$log" || ! grep -qa 'Kernel panic' "$log" || continue
    break
  done
  returns=$(sed -nE 's/^returns +(.*[^\r])\r?$/\1/p' "$log" | head -1)
  result=$(grep -aE '^test result: ' "$log" | tail -1 | tr -d '\r' || true)
  echo "$name ($((SECONDS - started)) s): returns ${returns:-?}; ${result:-no result}"
  if ! grep -qa '^kernels: ended with 0' "$log"; then
    failed=1
    grep -aE 'panicked|FAILED|Kernel panic|error' "$log" | head -20 || true
    echo "kernels: $name failed; the whole output is in $log" >&2
  fi
done
exit "$failed"
