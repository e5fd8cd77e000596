# Five models join a running Pod, one after the other. A file is ready when its fetch Pod has written its last line; the reconciler knows it when
# its state is Available, and its name is advertised: both when a watch of the service shows it. All clocks are this machine's.
. "$(dirname "$0")/../../../e2e/lib/case.sh"

seen=$(mktemp)
first_seen() { jq -rn --arg name "$2" "first(inputs | select(.$1 | index(\$name)) | .at)" "$seen"; }
file_ready() { k logs -l "inference.llmkube.dev/model=$1,app.kubernetes.io/component=model-fetch" --timestamps --tail=1 | tail -n 1 | cut -d ' ' -f 1; }
between() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", b - a }'; }
median() { printf '%s\n' "$@" | sort -n | sed -n "$((($# + 1) / 2))p"; }

{ model phi4-mini; service reload phi4-mini; } | apply >/dev/null
ready reload
before=$(pod_identity reload)
k get isvc reload --watch -o json | jq --unbuffered -c '{at: now, advertised: (.status.advertisedModels // []),
  available: [.status.models[]? | select(.state == "Available") | .name]}' >"$seen" & watcher=$!
whole=() known=() rest=()
for file in qwen3-7b-coder llama3-1b gemma3-4b-summarizer qwen3-7b-coder llama3-1b; do
  name=m${#whole[@]}
  model "$name" "$file.gguf" | apply >/dev/null 2>&1
  k patch isvc reload --type=json -p "[{\"op\": \"add\", \"path\": \"/spec/models/-\", \"value\": {\"name\": \"$name\"}}]" >/dev/null 2>&1
  within 90 "$name is advertised" "$name" advertised reload || break
  ready=$(date -d "$(file_ready "$name")" +%s.%N) available=$(first_seen available "$name") advertised=$(first_seen advertised "$name")
  whole+=("$(between "$ready" "$advertised")") known+=("$(between "$ready" "$available")") rest+=("$(between "$available" "$advertised")")
  sleep 3    # the next one is not carried by what the last one set going
done
kill $watcher
equal "in the same Pod, with no restart" "$before" "$(pod_identity reload)"
equal "five were measured" 5 "${#whole[@]}"
printf '| seconds | the five | median |\n| --- | --- | ---: |\n'
printf '| from the file to its name | %s | %s |\n' "${whole[*]}" "$(median "${whole[@]}")"
printf '| of that: until it is Available | %s | %s |\n' "${known[*]}" "$(median "${known[@]}")"
printf '| of that: from Available to its name | %s | %s |\n' "${rest[*]}" "$(median "${rest[@]}")"
