#!/usr/bin/env bash
# Records the workload twice, healthy and degraded, and reports the difference. Then it records runs of
# both in turn, and asks for a verdict. If the host does not allow eBPF, the recordings are synthetic.
#   SOAKBOX_DEMO_SECONDS   length of each recording; the default is 20
#   SOAKBOX_DEMO_OUTPUT    directory of all results; the default is demo-output
#   SOAKBOX_DEMO_REPLAY    1: make synthetic recordings even where this host allows eBPF
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${SOAKBOX_DEMO_SECONDS:-20}
output=${SOAKBOX_DEMO_OUTPUT:-demo-output}
programs=${CARGO_TARGET_DIR:-target}/debug
recorder=$programs/soakbox-recorder
analyzer=$programs/soakbox-analyzer
workload=$programs/soakbox-workload

heading() { printf '\n== %s\n' "$*" >&2; }

operations=(
  --op "rule_refresh=marker:$workload:rule_refresh,type=1"
  --op "traffic_control=uprobe:$workload:traffic_control,type=2,success=ret:i32>=0"
)
pairs=5
# The degraded service is slower (percent), leaks (bytes per operation) and fails (percent).
degraded=(--slow 40 --leak 65536 --fail 3)

build() {
  # With --examples cargo chooses the same features of dependencies as for the tests. With --bins
  # alone the query engine would be compiled a second time for `make test`.
  heading "Building (the first build compiles a query engine: about 20 minutes on two cores)"
  cargo build --workspace --bins --examples --locked
}

# record NAME [WORKLOAD FLAGS...]: records the workload once. The workload prints its own counts.
record() {
  local name=$1
  shift
  heading "Recording the $name service for $seconds s"
  "$recorder" record -o "$output/$name" "${operations[@]}" \
    -- "$workload" --seconds "$seconds" --seed 1 "$@" >"$output/$name.workload.json"
  echo "The service's own counts: $(cat "$output/$name.workload.json")"
}

# replay NAME [FLAGS...]: makes a synthetic recording instead, for hosts without BPF rights.
replay() {
  local name=$1
  shift
  heading "Writing a synthetic recording in place of the $name service"
  "$recorder" replay --synthetic 1 --seconds "$seconds" "$@" -o "$output/$name"
}

# runs: short runs of both services in turn, of which the healthy one is the base.
runs() {
  local each=$(((seconds + 3) / 4))
  heading "Recording $pairs runs of each service in turn, $each s each"
  "$recorder" runs -o "$output/runs" --pairs "$pairs" "${operations[@]}" \
    --base "'$workload' --seconds $each --seed 1" \
    --candidate "'$workload' --seconds $each --seed 1 ${degraded[*]}" >"$output/runs.workload.json"
}

# replay_runs: the same runs, as synthetic recordings.
replay_runs() {
  local pair
  for ((pair = 1; pair <= pairs; pair++)); do
    "$recorder" replay --synthetic "$pair" --seconds "$seconds" -o "$output/runs/base/00$pair"
    "$recorder" replay --synthetic "1$pair" --seconds "$seconds" --degraded -o "$output/runs/candidate/00$pair"
  done
}

# verdict: whether the degraded service is worse than the healthy one, and how sure that is.
verdict() {
  local status=0
  heading "Is the degraded service worse? The verdict on the builds, not on two runs"
  "$analyzer" compare "$output/runs/base" --against "$output/runs/candidate" --json "$output/verdict.json" || status=$?
  case $status in
    0) echo "Exit status 0: nothing is worse by more than its threshold." ;;
    1) echo "Exit status 1: the build is worse. A CI job with this command would fail." ;;
    3) echo "Exit status 3: these runs do not decide it. More pairs would." ;;
    *) return "$status" ;;
  esac
}

main() {
  build
  rm -rf "$output"
  mkdir -p "$output"

  heading "What this host allows"
  if [ "${SOAKBOX_DEMO_REPLAY:-0}" = 1 ]; then
    heading "SOAKBOX_DEMO_REPLAY is 1: everything below is SYNTHETIC."
    replay healthy
    replay degraded --degraded
    replay_runs
  elif "$recorder" check; then
    heading "The operations, and how they are observed"
    "$recorder" check "${operations[@]}"
    record healthy
    record degraded "${degraded[@]}"
    runs
  else
    heading "This host does not allow eBPF (the reason is above). Everything below is SYNTHETIC."
    replay healthy
    replay degraded --degraded
    replay_runs
  fi

  local name
  for name in healthy degraded; do
    heading "Summary of $output/$name"
    "$analyzer" summary "$output/$name"
    "$analyzer" chart "$output/$name" -o "$output/$name.svg"
  done
  "$analyzer" report "$output/healthy" --against "$output/degraded" -o "$output/report.html"
  verdict

  heading "Done. The results"
  cat <<TEXT
  $output/report.html          both recordings side by side, in a browser
  $output/healthy.svg          latency percentiles over time; compare it with degraded.svg
  $output/verdict.json         the verdict, for programs; docs/compare.md explains it
  $analyzer info $output/degraded
  $analyzer sql $output/degraded "SELECT operation, success, count(*) FROM operation_log GROUP BY 1, 2 ORDER BY 1, 2"
  notebooks/                   the same recordings in Python
TEXT
}

main
