# The gate: a busy model cannot starve another, clients cannot change the server, and a rollout cuts no answer.
# On IPv6 too.
. "$(dirname "$0")/../lib/case.sh"

{ model phi4-mini; model large
  service busy phi4-mini large; echo '  router: {scheduling: {minResidencySeconds: 1, maxTurnSeconds: 5}}'; } | apply >/dev/null
ready busy
url=$(service_url "$NS" busy)
ask() { # MODEL TOKENS [CURL-ARGUMENT...] — one streamed chat
  local model=$1 tokens=$2; shift 2
  curl -sS --max-time 120 "$@" "$url/v1/chat/completions" -H 'Content-Type: application/json' \
    -d "{\"model\": \"$model\", \"stream\": true, \"max_tokens\": $tokens, \"messages\": [{\"role\": \"user\", \"content\": \"?\"}]}"; }
status_of() { curl -s -o /dev/null -w '%{http_code}' --max-time 30 "$@"; }
seconds() { awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }'; }
answers busy phi4-mini

# three clients that keep large busy without a pause; then one request for the other model
end=$((SECONDS + 180)); clients=()
for _ in 1 2 3; do ( while [ $SECONDS -lt $end ] && [ ! -e "$STATE/enough-$NS" ]; do ask large 200 >/dev/null 2>&1; done ) & clients+=($!); done
within 60 "large is busy" '^large$' resident "$NS" busy
sleep 2; began=$EPOCHREALTIME
check "the other model gets its turn" '\[DONE\]' ask phi4-mini 4
waited=$(seconds "$began"); touch "$STATE/enough-$NS"; wait "${clients[@]}"
if awk -v w="$waited" 'BEGIN { exit !(w < 90) }'; then _ok "after $waited s, while three clients kept the first one busy"; else _no "the other model waited $waited s"; fi

for path in /models/load /models/unload; do equal "POST $path is refused" 403 "$(status_of -X POST -d '{"model": "phi4-mini"}' "$url$path")"; done
equal "a reload is refused" 403 "$(status_of "$url/models?reload=1")"
check "/v1/models lists what can be picked" '"id":"large"' sh -c "curl -sS $url/v1/models | jq -c ."
equal "/health is answered" 200 "$(status_of "$url/health")"
check "/metrics are the agent's own" router_agent_ sh -c "curl -sS $url/metrics"

# a long answer is under way when the Deployment is rolled out
ask large 1200 >"$STATE/stream-$NS" 2>&1 & stream=$!
within 60 "an answer streams" 'data: ' cat "$STATE/stream-$NS"
k rollout restart deploy/busy >/dev/null
wait $stream; rc=$?
equal "the connection ended well" 0 $rc
check "the answer came to its end" '\[DONE\]' tail -n 3 "$STATE/stream-$NS"
check "with all its tokens" '"finish_reason":"length"' cat "$STATE/stream-$NS"
check "rolled out" 'successfully rolled out' k rollout status deploy/busy --timeout=120s
