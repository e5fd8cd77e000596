#!/bin/bash
# demo-inside.sh — what e2e/demo shows, inside the cluster's sandbox. With $UP set, touches that file at the end and stays.
set -euo pipefail
. "$(dirname "$(readlink -f "$0")")/inside.sh"; . "$E2E/lib/log.sh"
NS=demo EXAMPLE=edge-multi-model
STEPS=()
step() { # WHAT COMMAND... — shows the command's output and the seconds it took
  local what=$1 began=$EPOCHREALTIME; shift
  printf '\n== %s\n' "$what"
  "$@" || { say "FAILED: $what"; trouble; exit 1; }
  STEPS+=("$(printf '%6s s  %s' "$(_seconds_since "$began")" "$what")")
}
k() { kubectl -n "$NS" "$@"; }
shown() { printf '$ %s\n' "$*"; "$@"; }    # the command as a user would type it, then its output
trouble() { { k get isvc,mdl,pods,jobs,pvc; k get events; kubectl -n "$SYSTEM" get pods; kubectl -n "$SYSTEM" logs --tail=30 -l app.kubernetes.io/name=llmkube-router --prefix; } 2>&1 | tail -n 100; }

models() { namespace "$NS"; { model phi4-mini; model qwen3-7b-coder; model gemma3-4b-summarizer; model llama3-1b; } | k apply -f -; }
example() { shown cat "$REPO/examples/edge-multi-model.yaml"; shown kubectl -n "$NS" apply --validate=strict -f "$REPO/examples/edge-multi-model.yaml"; }
wait_ready() { shown kubectl -n "$NS" wait --for=condition=Ready "isvc/$EXAMPLE" --timeout=120s; }
look() {
  shown kubectl -n "$NS" get isvc,mdl,pods,jobs
  shown kubectl -n "$NS" get isvc -o wide
  printf '\nstatus of %s:\n' "$EXAMPLE"; k get isvc "$EXAMPLE" -o json | jq '.status | del(.models[]?.sha256)'
}
chats() {
  local name before after out
  for name in phi4-mini qwen3-7b-coder gemma3-4b-summarizer; do
    before=$(resident "$NS" "$EXAMPLE"); out=$(chat "$NS" "$EXAMPLE" "$name"); after=$(resident "$NS" "$EXAMPLE")
    jq -r --arg name "$name" --arg before "$before" --arg after "$after" \
      '"model \($name): answered by \(.model), \(.usage.completion_tokens) tokens: \(.choices[0].message.content)   [resident before: \($before); after: \($after)]"' <<<"$out" || { echo "$out"; return 1; }
    [ "$(jq -r .model <<<"$out")" = "$name" ] && [ "$after" = "$name" ] || { echo "$out; resident: $after"; return 1; }
  done
}
mistakes() {
  local out
  cat "$E2E/manifests/mistakes.yaml"; echo "\$ kubectl -n $NS apply -f mistakes.yaml"
  if out=$(k apply -f "$E2E/manifests/mistakes.yaml" 2>&1); then echo "$out: accepted, which is wrong"; return 1; fi
  echo "$out"
  for path in 'spec.models\[1\].name' 'spec.router.preload\[0\]' 'spec.extraArgs\[0\]' 'spec.resources.requests\[memory\]'; do
    grep -q "$path" <<<"$out" || { echo "not named: $path"; return 1; }; done
}
pod_line() { k get pods -l "inference.llmkube.dev/service=$EXAMPLE" -o json | jq -r '.items[] | "\(.metadata.name) uid=\(.metadata.uid) restarts=\([.status.containerStatuses[].restartCount, .status.initContainerStatuses[].restartCount] | add)"'; }
fourth() {
  local before after end=$((SECONDS + 60))
  before=$(pod_line); echo "$before"
  shown kubectl -n "$NS" patch isvc "$EXAMPLE" --type=json -p '[{"op": "add", "path": "/spec/models/-", "value": {"name": "llama3-1b"}}]'
  until k get isvc "$EXAMPLE" -o jsonpath='{.status.advertisedModels}' | grep -q llama3-1b; do
    [ $SECONDS -lt $end ] || { k get isvc "$EXAMPLE" -o yaml; return 1; }; sleep 0.1; done
  shown kubectl -n "$NS" get isvc "$EXAMPLE" -o 'jsonpath={.status.advertisedModels}{"\n"}'
  chat "$NS" "$EXAMPLE" llama3-1b | jq -r '"answered by \(.model): \(.choices[0].message.content)"'
  after=$(pod_line); echo "$after"
  [ "$before" = "$after" ] || { echo "the Pod is not the same"; return 1; }
}

story() { shown kubectl -n "$NS" events --for "isvc/$EXAMPLE"; }

step "chart installed" install
step "file host" model_host
step "Models" models
step "the example" example
step "Ready" wait_ready
step "what there is" look
step "a chat with each model, through the Service" chats
step "four mistakes in one manifest" mistakes
step "a fourth model, in the same Pod" fourth
step "what happened, as the service's events" story
printf '\n'; say "done; seconds of each step:"; printf '%s\n' "${STEPS[@]}"
[ -z "${UP:-}" ] || { touch "$UP"; exec sleep infinity; }
