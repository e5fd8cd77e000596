#!/bin/bash
# run-cases.sh CASE-FILE... — inside the cluster: installs everything, runs the cases one after the other, ends with a line of what passed.
# $RESULTS/summary then holds "<passed> <failed> <skipped>"; $RESULTS/<case> what a case said.
set -uo pipefail
. "$(dirname "$(readlink -f "$0")")/inside.sh"; . "$E2E/lib/log.sh"
passed=0 failed=0 skipped=0; unsound=()
mkdir -p "$RESULTS"

part() { # WHAT COMMAND... — a step that every case rests on
  local what=$1 began=$EPOCHREALTIME; shift
  if "$@" >"$RESULTS/install" 2>&1; then say "$what: $(_seconds_since "$began") s"
  else say "$what: FAILED"; tail -n 30 "$RESULTS/install"; diagnose "$SYSTEM"; diagnose model-host; return 1; fi
}

diagnose() { # NAMESPACE — what a person would look at first
  { kubectl -n "$1" get all,isvc,mdl,pvc -o wide
    kubectl -n "$1" get isvc,mdl -o yaml | sed -n '/^  status:/,/^- api/p' | head -n 150
    kubectl -n "$1" get events --sort-by=.lastTimestamp | tail -n 30
    for pod in $(kubectl -n "$1" get pods -o name); do echo "== $pod"; kubectl -n "$1" logs --all-containers --tail=25 "$pod"; done
  } 2>&1 | cut -c1-400 | sed 's/^/      | /' | head -n "${2:-200}"
}

run_case() { # FILE
  local file=$1 name began=$EPOCHREALTIME rc=0; name=$(basename "$file" .sh)
  namespace "$name" >/dev/null 2>&1
  NS=$name timeout --kill-after=10 "${CASE_SECONDS:-600}" bash "$file" >"$RESULTS/$name" 2>&1 </dev/null || rc=$?
  case $rc in
    0) passed=$((passed + 1)); say "passed  $name  ($(_seconds_since "$began") s, $(grep -c '^    ok ' "$RESULTS/$name") checks)" ;;
    77) skipped=$((skipped + 1)); unsound+=("skipped $name: $(sed -n 's/^SKIP: //p' "$RESULTS/$name")"); say "${unsound[-1]}" ;;
    *) failed=$((failed + 1)); unsound+=("failed $name: $(grep -m 1 '^    FAIL ' "$RESULTS/$name" | cut -c1-200)$([ $rc -ne 124 ] || echo " (out of time)")")
      say "FAILED  $name  ($(_seconds_since "$began") s)"; cat "$RESULTS/$name"; diagnose "$name"
      kubectl -n "$SYSTEM" logs -l app.kubernetes.io/name=llmkube-router --prefix --tail=40 2>&1 | grep -F "$name" | cut -c1-300 | tail -n 20 | sed 's/^/      | /' ;;
  esac
  kubectl delete namespace "$name" --wait=false >/dev/null 2>&1
}

if part "chart installed" install && part "file host" model_host; then
  for file in "$@"; do run_case "$file"; done
else
  failed=1; unsound+=("failed: the chart or the file host did not come up")
fi
echo "$passed $failed $skipped" >"$RESULTS/summary"
printf '%s\n' "${unsound[@]+"${unsound[@]}"}" >"$RESULTS/unsound"
[ $failed -eq 0 ]
