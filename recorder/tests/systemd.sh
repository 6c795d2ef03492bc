#!/usr/bin/env bash
# Runs deploy/soakbox-recorder.service under a real systemd: a small Debian whose first process is systemd,
# in namespaces of its own on this kernel. Starts and reloads the service, kills the recorder, lets its
# watchdog end it, deploys the observed program's next build, and stops it. Needs root, debootstrap, gcc, python3
# and, the first time, the network.
#
#   recorder/tests/systemd.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
base=$target/systemd/base
for program in debootstrap unshare nsenter gcc python3; do
  command -v "$program" >/dev/null || { echo "systemd: needs $program; hint: apt-get install debootstrap util-linux gcc python3" >&2; exit 2; }
done
[ "$(id -u)" = 0 ] || { echo "systemd: needs root" >&2; exit 2; }

cargo build --locked --workspace --bin soakbox-recorder
if [ ! -e "$base/lib/systemd/systemd" ]; then
  rm -rf "$base.part"
  mkdir -p "$(dirname "$base")"
  debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus bookworm "$base.part" >"$target/systemd/debootstrap.log"
  mv "$base.part" "$base"
fi
root=$(mktemp -d "$target/systemd/root-XXXXXX")
cp -a "$base/." "$root"
cp "$target/debug/soakbox-recorder" "$root/usr/bin/"
cp deploy/soakbox-recorder.service "$root/etc/systemd/system/"
gcc -O1 -o "$root/opt/observed" recorder/tests/targets/cpu.c
mkdir -p "$root/etc/soakbox" "$root/etc/systemd/system/soakbox-recorder.service.d"
cat >"$root/etc/soakbox/recorder.toml" <<'END'
output = "/var/lib/soakbox/recording"
op = ["op=uprobe:/opt/observed:op"]
keep_for = "1day"
END
# The watchdog and the restart, in seconds rather than minutes.
cat >"$root/etc/systemd/system/soakbox-recorder.service.d/fast.conf" <<'END'
[Service]
WatchdogSec=4s
RestartSec=1
END
cat >"$root/etc/systemd/system/observed.service" <<'END'
[Service]
# An operation each millisecond, without end.
ExecStart=/opt/observed sleep 100000000 1000000
END

# The first process of the machine: mounts what systemd expects, and becomes it.
cat >"$root/machine.sh" <<'END'
set -eu
root=$1
mount --make-rprivate /
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/dev"
for node in null zero full random urandom tty; do
  touch "$root/dev/$node"
  mount --bind "/dev/$node" "$root/dev/$node"
done
mkdir -p "$root/dev/pts" "$root/dev/shm" "$root/old"
mount -t devpts devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
# systemd needs cgroups: the second version, or a hierarchy of its own.
if [ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ]; then
  mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
else
  mount -t tmpfs tmpfs "$root/sys/fs/cgroup"
  mkdir "$root/sys/fs/cgroup/systemd"
  mount -t cgroup -o none,name=systemd cgroup "$root/sys/fs/cgroup/systemd"
fi
mount -t tracefs tracefs "$root/sys/kernel/tracing" 2>/dev/null || true
cd "$root"
pivot_root . old
umount -l old
exec env -i container=soakbox PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd systemd.unit=multi-user.target
END

# Everything in it ends with its first process.
unshare --pid --fork --kill-child --mount --uts --ipc --cgroup bash "$root/machine.sh" "$root" >"$target/systemd/boot.log" 2>&1 &
machine=$!
trap 'kill -KILL "$machine" 2>/dev/null || true; wait "$machine" 2>/dev/null || true; rm -rf "$root"' EXIT
first=
for _ in $(seq 100); do
  first=$(cat "/proc/$machine/task/$machine/children" 2>/dev/null | tr -d ' ')
  [ -n "$first" ] && [ -e "/proc/$first/root/run/systemd/private" ] && break
  sleep 0.2
done
inside() { nsenter --target "$first" --all --root --wdns=/ -- "$@"; }
fail() {
  echo "systemd: FAILED: $*" >&2
  inside systemctl status --no-pager --full soakbox-recorder >&2 || true
  exit 1
}
passed() { echo "systemd: $*"; }
shown() { inside systemctl show soakbox-recorder --property "$1" --value; }
# until_true SECONDS WHAT COMMAND...
until_true() {
  local seconds=$1 what=$2
  shift 2
  for _ in $(seq $((seconds * 5))); do
    if "$@"; then return; fi
    sleep 0.2
  done
  fail "$what"
}
inside systemctl is-system-running --wait >/dev/null || true

sealed() { { find "$root/var/lib/soakbox/recording/operation_log" -name '*.parquet' 2>/dev/null || true; } | wc -l; }
main() { shown MainPID; }
# The pid that this host has for the recorder or the observed program.
pid_of() { pgrep --ns "$first" --nslist pid -x "$1" | head -1; }
restarted() { [ "$(shown NRestarts)" -ge "$1" ] && [ "$(shown ActiveState)" = active ]; }
counts() { [[ $(shown StatusText) =~ ^[1-9][0-9,]*\ operations/s,\ 0\ lost ]]; }
# The observed program's text in memory is that of its file.
is_clean() {
  python3 - "$1" "$root/opt/observed" <<'END'
import sys
pid, path = sys.argv[1:]
text = open(path, "rb").read()
parts = [line.split() for line in open(f"/proc/{pid}/maps") if line.rstrip().endswith("/opt/observed")]
parts = [part for part in parts if "x" in part[1]]
assert parts, "the program is not in memory"
for part in parts:
    first, last = (int(end, 16) for end in part[0].split("-"))
    with open(f"/proc/{pid}/mem", "rb") as memory:
        memory.seek(first)
        found = memory.read(last - first)
    offset = int(part[2], 16)
    known = text[offset : offset + len(found)]
    sys.exit(0 if found[: len(known)] == known else 1)
END
}

inside useradd --system soakbox
inside systemctl daemon-reload
inside systemctl start observed
observed=$(pid_of observed)
is_clean "$observed" || fail "the program has breakpoints before anything is attached"

inside systemctl start soakbox-recorder || fail "it does not start"
[ "$(shown ActiveState)" = active ] || fail "it is not active when start returns"
if is_clean "$observed"; then fail "start returned before the probes were attached"; fi
until_true 10 "its status has no operations" counts
passed "started: $(shown StatusText)"

# The five capabilities of the unit and no other, and the account.
recorder=$(pid_of soakbox-recorde)
python3 - "$recorder" <<'END' || fail "it has other capabilities than the unit's"
import sys
numbers = dict(CAP_BPF=39, CAP_PERFMON=38, CAP_SYS_PTRACE=19, CAP_DAC_READ_SEARCH=2, CAP_LEASE=28)
status = dict(line.split(":", 1) for line in open(f"/proc/{sys.argv[1]}/status"))
assert int(status["CapBnd"], 16) == sum(1 << number for number in numbers.values()), status["CapBnd"]
assert status["Uid"].split()[0] != "0", status["Uid"]
END
passed "runs as its own account with the five capabilities of the unit"

before=$(sealed)
inside systemctl reload soakbox-recorder
more_sealed() { [ "$(sealed)" -gt "$before" ]; }
until_true 10 "reload sealed nothing" more_sealed
passed "reload seals the open files"

killed=$(main)
inside kill -KILL "$killed"
until_true 20 "it was not started again after kill -9" restarted 1
[ "$(main)" != "$killed" ] || fail "it has the pid of the killed one"
until_true 10 "its status has no operations after the restart" counts
journal() { inside journalctl --unit soakbox-recorder --output cat --no-pager; }
journal | grep -q 'an earlier recorder crashed here: [1-9][0-9]* rows saved' || fail "what the killed one left was not saved"
passed "kill -9: started again, what it left is saved"

# A recorder that hangs gives no sign of life.
inside kill -STOP "$(main)"
until_true 30 "the watchdog did not end a stopped recorder" restarted 2
journal_of_systemd() { inside journalctl --unit soakbox-recorder --no-pager; }
journal_of_systemd | grep -qi watchdog || fail "it was not the watchdog"
until_true 10 "its status has no operations after the watchdog" counts
passed "the watchdog ends a recorder that hangs, and it is started again"

# A deployment: the next build comes to the path, and its service is restarted.
gcc -O2 -o "$root/opt/observed.new" recorder/tests/targets/cpu.c
mv "$root/opt/observed.new" "$root/opt/observed"
is_observed() { journal | grep -q 'the new file is observed'; }
until_true 20 "the next build is not observed" is_observed
inside systemctl restart observed
observed=$(pid_of observed)
if is_clean "$observed"; then fail "the next build runs without breakpoints"; fi
until_true 10 "its status has no operations of the next build" counts
passed "the next build of the observed program is observed"

inside systemctl stop soakbox-recorder || fail "it does not stop"
[ "$(shown Result)" = success ] || fail "it ended with $(shown Result)"
[ -z "$(find "$root/var/lib/soakbox/recording/journal" -name '*.journal' 2>/dev/null)" ] || fail "a journal is left"
is_clean "$observed" || fail "a breakpoint is left in the observed program"
kill -0 "$observed" || fail "the observed program has ended"
passed "stopped: everything is sealed, nothing is left in the observed program"
