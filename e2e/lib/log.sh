# log.sh — progress lines with seconds; meant to be sourced.
LOG_START=${LOG_START:-$EPOCHREALTIME}; export LOG_START
_seconds_since() { awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }'; }

# say TEXT — one line with the seconds since the command began.
say() { printf '[%7s s] %s\n' "$(_seconds_since "$LOG_START")" "$*"; }

# fail TEXT — says it and ends the script.
fail() { say "FAILED: $*" >&2; exit 1; }

# timed WHAT COMMAND... — runs COMMAND with its output in $CACHE/log, a line when it began and one when it ended with its seconds, and a
# sign of life each minute. When it fails, shows the end of its output. When this script is told to end, COMMAND and its children end first.
timed() {
  local what=$1 began=$EPOCHREALTIME log began_s=$SECONDS rc=0 pid next=60; shift
  mkdir -p "$CACHE/log"; log=$CACHE/log/$(tr -cs 'a-zA-Z0-9.' - <<<"$what" | cut -c1-60)$$
  say "$what ..."
  set -m; ( set +m; "$@" ) >"$log" 2>&1 </dev/null & pid=$!; set +m    # -m: a process group of its own
  # shellcheck disable=SC2064
  trap "kill -TERM -- -$pid 2>/dev/null; exit 143" TERM INT HUP
  while kill -0 "$pid" 2>/dev/null; do
    sleep 0.1
    if [ $((SECONDS - began_s)) -ge $next ]; then
      next=$((next + 60)); say "$what: still at it: $(tail -n 1 "$log" | tr -d '\r' | cut -c1-100)"; fi
  done
  wait "$pid" || rc=$?
  trap - TERM INT HUP
  if [ $rc -ne 0 ]; then echo "----- end of $log" >&2; tail -n 40 "$log" >&2; echo "-----" >&2; fail "$what (exit code $rc)"; fi
  say "$what: done in $(_seconds_since "$began") s"
}
