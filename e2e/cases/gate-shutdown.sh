# What takes a model or a Pod away, with answers streaming: a changed section, a scale-down, a drained node. None of them is cut.
. "$(dirname "$0")/../lib/case.sh"

# manifest REPLICAS CONTEXT — two models, one of which answers slowly enough to be caught at it. One thread each: those of one llama-server
# wait for each other by spinning.
manifest() { service calm phi4-mini large; printf '      contextSize: %s\n      extraArgs: ["--threads", "1"]\n  replicas: %s\n  router: {preload: [large]}\n' "$2" "$1"; }
{ model phi4-mini; model large; manifest 1 4096; } | apply >/dev/null
ready calm
url=$(service_url "$NS" calm)

# begin N TOKENS — N long answers, each on a connection of its own; returns when all of them stream.
begin() {
  local i tokens=$2; streams=(); rm -f "$STATE/$NS-stream".*
  for ((i = 1; i <= $1; i++)); do
    curl -sS --max-time 240 "$url/v1/chat/completions" -H 'Content-Type: application/json' -o "$STATE/$NS-stream.$i" \
      -d '{"model": "large", "stream": true, "max_tokens": '$tokens', "messages": [{"role": "user", "content": "?"}]}' & streams+=($!)
  done
  within 60 "$1 answers stream" "^$1\$" streaming
}
streaming() { grep -l '^data: ' "$STATE/$NS-stream".* 2>/dev/null | wc -l; }
running() { local p; for p in "${streams[@]}"; do kill -0 "$p" 2>/dev/null && echo running; done; }
# whole WHAT — every answer that `begin` began came to its end.
whole() {
  local p i=0 bad=
  for p in "${streams[@]}"; do
    i=$((i + 1)); wait "$p" || bad+=" curl of $i: $?;"
    grep -q '"finish_reason":"length"' "$STATE/$NS-stream.$i" && grep -q '^data: \[DONE\]' "$STATE/$NS-stream.$i" || bad+=" $i ends with $(tail -c 300 "$STATE/$NS-stream.$i" | tr -s "\n" " ");"
  done
  equal "$1: ${#streams[@]} of ${#streams[@]} answers are whole" "" "$bad"
}
preset() { agent "$NS" calm | jq -r .presetHash; }
preset_since() { [ "$(preset)" = "$1" ] || echo changed; }
staying() { pods "$NS" calm | wc -l; }
left() { k get pods -l inference.llmkube.dev/service=calm -o name | wc -l; }

# a section changes: the model is unloaded for it, once nobody is being answered
was=$(preset); identity=$(pod_identity calm)
begin 3 600
manifest 1 8192 | apply >/dev/null
check "they were running when the manifest changed" running running
whole "a changed section"
within 60 "the new section is in force" changed preset_since "$was"
equal "in the same Pod" "$identity" "$(pod_identity calm)"
answers calm large

# of two Pods one is taken away
manifest 2 8192 | apply >/dev/null
within 120 "two Pods are ready" '^2$' k get isvc calm -o 'jsonpath={.status.readyReplicas}'
ready calm
begin 6 300
manifest 1 8192 | apply >/dev/null
within 30 "a Pod is on its way out" '^1$' staying
check "they were running when it went" running running
whole "a scale-down"
within 120 "one Pod is left" '^1$' left
ready calm

# the node is drained, as before a reboot; nothing else is evicted: this cluster has one node
node=$(kubectl get nodes -o 'jsonpath={.items[0].metadata.name}')
begin 3 600
kubectl drain "$node" --pod-selector=inference.llmkube.dev/service=calm --delete-emptydir-data --force --timeout=180s >"$STATE/$NS-drain" 2>&1 & drain=$!
within 30 "the node takes no new Pod" true kubectl get node "$node" -o 'jsonpath={.spec.unschedulable}'
check "they were running when it was drained" running running
whole "a drained node"
wait "$drain"; equal "the drain came to its end" 0 $?
kubectl uncordon "$node" >/dev/null
ready calm
answers calm large
