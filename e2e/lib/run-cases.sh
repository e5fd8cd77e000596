#!/bin/bash
# run-cases.sh CASE-FILE... — inside the cluster: installs everything and runs the cases. Those that say `# Beside others.` on a line of their
# own come first, $BESIDE (2) at a time: they touch nothing but their namespace. Each of the rest has the cluster for itself.
# $RESULTS/summary then holds "<passed> <failed> <skipped>", $RESULTS/unsound a line for each that did not pass, $RESULTS/<case> what it said.
set -uo pipefail
. "$(dirname "$(readlink -f "$0")")/inside.sh"; . "$E2E/lib/log.sh"
mkdir -p "$RESULTS"; : >"$RESULTS/unsound"

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

# unsound WORD CASE TEXT — a case that did not pass.
unsound() { echo "$1 $2: $3" >>"$RESULTS/unsound"; }

run_case() { # FILE
  local file=$1 name began=$EPOCHREALTIME rc=0 why program; name=$(basename "$file" .sh)
  for program in $(wanted "$file"); do
    [ ! -d "$(operator_folder "$program")" ] || continue
    why="the Go modules of $program: $(cut -c1-200 "$(operator_folder "$program").missing" 2>&1)"
    unsound skipped "$name" "$why"; say "skipped $name: $why"; return
  done
  namespace "$name" >/dev/null 2>&1
  NS=$name timeout --kill-after=10 "${CASE_SECONDS:-600}" bash "$file" >"$RESULTS/$name" 2>&1 </dev/null || rc=$?
  case $rc in
    0) say "passed  $name  ($(_seconds_since "$began") s, $(grep -c '^    ok ' "$RESULTS/$name") checks)" ;;
    77) why=$(sed -n 's/^SKIP: //p' "$RESULTS/$name"); unsound skipped "$name" "$why"; say "skipped $name: $why" ;;
    *) unsound failed "$name" "$(grep -m 1 '^    FAIL ' "$RESULTS/$name" | cut -c1-200)$([ $rc -ne 124 ] || echo " (out of time)")"
      { say "FAILED  $name  ($(_seconds_since "$began") s)"; cat "$RESULTS/$name"; diagnose "$name"
        kubectl -n "$SYSTEM" logs -l app.kubernetes.io/name=llmkube-router --prefix --tail=40 2>&1 | grep -F "$name" | cut -c1-300 | tail -n 20 |
          sed 's/^/      | /'; } >"$RESULTS/.$name"
      cat "$RESULTS/.$name"; rm "$RESULTS/.$name" ;;
  esac
  kubectl delete namespace "$name" --wait=false >/dev/null 2>&1
}

# run_cases FILE... — first those that stand others beside them, then each of the rest alone.
run_cases() {
  local file alone=()
  for file in "$@"; do
    grep -qx '# Beside others\.' "$file" || { alone+=("$file"); continue; }
    [ "$(jobs -rp | wc -l)" -lt "${BESIDE:-2}" ] || wait -n
    run_case "$file" &
  done
  wait
  for file in "${alone[@]+"${alone[@]}"}"; do run_case "$file"; done
}

total=$#
if part "chart installed" install && part "file host" model_host; then run_cases "$@"
else unsound failed "every case" "the chart or the file host did not come up"; total=1; fi
failed=$(grep -c '^failed ' "$RESULTS/unsound"); skipped=$(grep -c '^skipped ' "$RESULTS/unsound")
echo "$((total - failed - skipped)) $failed $skipped" >"$RESULTS/summary"
[ "$failed" -eq 0 ]
