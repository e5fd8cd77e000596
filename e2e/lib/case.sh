# case.sh — what the files in e2e/cases are written in. Each case runs in a namespace of its own ($NS, restricted Pods only), on the one
# cluster of the run. An assertion that fails says so and the case goes on; one that the rest rests on ends it.
. "$(dirname "${BASH_SOURCE[0]}")/inside.sh"
set -uo pipefail
FAILED=0
trap 'exit $((FAILED != 0))' EXIT
k() { kubectl -n "$NS" "$@"; }
apply() { k apply "$@" -f -; }                              # manifests on standard input
_ok() { printf '    ok    %s\n' "$1"; }
_no() { printf '    FAIL  %s\n' "$1"; sed 's/^/          /' <<<"${2:-}" | head -n "${3:-25}"; FAILED=1; }
stop() { _no "$1" "${2:-}"; exit 1; }

# skip WHY — this case cannot be judged here.
skip() { echo "SKIP: $*"; trap - EXIT; exit 77; }

# check WHAT PATTERN COMMAND... — COMMAND's output (an error's too) holds a match of the extended regular expression PATTERN.
check() {
  local what=$1 pattern=$2 out; shift 2
  out=$("$@" 2>&1) || true
  if grep -qE -- "$pattern" <<<"$out"; then _ok "$what"; else _no "$what: no match of '$pattern' in" "$out"; return 1; fi
}

# within SECONDS WHAT PATTERN COMMAND... — as check, tried again until it holds.
within() {
  local end=$((SECONDS + $1)) what=$2 pattern=$3 out; shift 3
  while :; do
    out=$("$@" 2>&1) || true
    if grep -qE -- "$pattern" <<<"$out"; then _ok "$what"; return 0; fi
    [ $SECONDS -lt $end ] || break
    sleep 0.3
  done
  _no "$what: no match of '$pattern' in time; last seen" "$out"; return 1
}

# still SECONDS COMMAND... — waits until COMMAND's output is the same for so long: what was under way on a busy machine has ended. Then that
# output. After two minutes as it is then: the assertion that follows will tell.
still() {
  local span=$1 end=$((SECONDS + 120)) before after; shift
  after=$("$@")
  while before=$after; sleep "$span"; after=$("$@"); [ "$before" != "$after" ] && [ $SECONDS -lt $end ]; do :; done
  printf '%s\n' "$after"
}

# equal WHAT WANTED SEEN
equal() { if [ "$2" = "$3" ]; then _ok "$1"; else _no "$1: wanted '$2', seen '$3'"; return 1; fi; }

# unchanged WHAT BEFORE AFTER — two texts of many lines are the same; else shows what differs.
unchanged() { if [ "$2" = "$3" ]; then _ok "$1"; else _no "$1" "$(diff <(echo "$2") <(echo "$3"))"; return 1; fi; }

# accepted WHAT — the manifest on standard input passes strict validation on the API server, webhooks included; nothing is stored.
accepted() { local out; if out=$(k create --dry-run=server --validate=strict -f - 2>&1); then _ok "accepted: $1"; else _no "accepted: $1" "$out"; return 1; fi; }

# denied WHAT PATTERN... — the manifest on standard input is refused, and the answer names every PATTERN.
denied() {
  local what=$1 out p bad=; shift
  if out=$(k create --dry-run=server --validate=ignore -f - 2>&1); then _no "denied: $what: it was accepted" "$out"; return 1; fi
  for p in "$@"; do grep -qE -- "$p" <<<"$out" || bad+=" '$p'"; done
  if [ -z "$bad" ]; then _ok "denied: $what"; else _no "denied: $what: the answer lacks$bad" "$out"; return 1; fi
}

# operator NAME [WORD] — starts a program of e2e/operators (the case says `# Wants NAME.`) with its CRDs, and waits for WORD in what it says;
# sets OPERATOR to its process. It ends with the case at the latest.
operator() {
  local dir; dir=$(operator_folder "$1")
  [ -z "$(ls "$dir/crds")" ] || { kubectl apply --server-side -f "$dir/crds" && kubectl wait --for=condition=Established -f "$dir/crds"; } >/dev/null
  setpriv --pdeathsig TERM "$dir/$1" >"$STATE/log/$1.log" 2>&1 & OPERATOR=$!
  [ -z "${2:-}" ] || within 30 "$1 runs" "$2" cat "$STATE/log/$1.log" || stop "$1 runs"
}

# service NAME MODEL... — the manifest of a router service; more of its spec on standard input, if any.
service() {
  local name=$1 m; shift
  printf -- '---\napiVersion: inference.llmkube.dev/v1alpha1\nkind: InferenceService\nmetadata: {name: %s}\nspec:\n  runtime: llamacpp-router\n  models:\n' "$name"
  for m in "$@"; do printf '    - name: %s\n' "$m"; done
}

# ready ISVC [SECONDS] — waits for condition Ready; ends the case when it does not come.
ready() {
  local out
  if out=$(k wait --for=condition=Ready "isvc/$1" --timeout="${2:-180}s" 2>&1); then _ok "$1 is Ready"
  else stop "$1 is Ready" "$out
$(k get isvc "$1" -o yaml | sed -n '/^status:/,$p')
$(k get mdl,pods,jobs 2>&1)"; fi
}

status() { k get isvc "$1" -o json | jq -c "${2:-.status}"; }    # ISVC [JQ-FILTER]
advertised() { status "$1" '.status.advertisedModels // [] | join(" ")' | tr -d '"'; }
model_state() { status "$1" ".status.models[]? | select(.name == \"$2\") | \"\\(.state) \\(.reason // \"\") \\(.message // \"\")\"" | tr -d '"'; }    # ISVC MODEL

# answers ISVC NAME [MODEL] — a chat for NAME is answered by MODEL's own weights (they say nothing but its name).
answers() {
  local isvc=$1 name=$2 model=${3:-$2} out
  out=$(chat "$NS" "$isvc" "$name" 2>&1)
  if [ "$(jq -r '.model' <<<"$out" 2>/dev/null)" = "$model" ] && jq -r '.choices[0].message.content' <<<"$out" | grep -q "$model" &&
    [ "$(jq -r '.usage.completion_tokens' <<<"$out")" -gt 0 ]; then _ok "$isvc answers for $name"; else _no "$isvc answers for $name" "$out"; return 1; fi
}
pod_identity() { k get pods -l "inference.llmkube.dev/service=$1" -o json | jq -c '[.items[] | {uid: .metadata.uid, restarts: ([.status.containerStatuses[]?, .status.initContainerStatuses[]?] | map(.restartCount) | add)}] | sort'; }
