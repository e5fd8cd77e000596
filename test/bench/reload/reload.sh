# Models join a running Pod, one after the other: five that are downloaded for some seconds, five whose files come at once. A file is ready when
# its fetch Pod has written its last line; the reconciler knows it when its state is Available, and its name is advertised: both when a watch of
# the service shows it. All clocks are this machine's.
. "$(dirname "$0")/../../../e2e/lib/case.sh"

seen=$(mktemp)
first_seen() { jq -rn --arg name "$2" "first(inputs | select(.$1 | index(\$name)) | .at)" "$seen"; }
file_ready() { k logs -l "inference.llmkube.dev/model=$1,app.kubernetes.io/component=model-fetch" --timestamps --tail=1 | tail -n 1 | cut -d ' ' -f 1; }
between() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", b - a }'; }
median() { printf '%s\n' "$@" | sort -n | sed -n "$((($# + 1) / 2))p"; }

# joins LABEL FILE... — a row of seconds for the Models with these files of the file host.
joins() {
  local label=$1 file name ready advertised whole=(); shift
  for file in "$@"; do
    name=m$((++count))
    model "$name" "$file" none | apply >/dev/null 2>&1
    k patch isvc reload --type=json -p "[{\"op\": \"add\", \"path\": \"/spec/models/-\", \"value\": {\"name\": \"$name\"}}]" >/dev/null 2>&1
    within 90 "$name is advertised" "$name" advertised reload || break
    ready=$(date -d "$(file_ready "$name")" +%s.%N) advertised=$(first_seen advertised "$name")
    whole+=("$(between "$ready" "$advertised")")
    sleep 3    # the next one is not carried by what the last one set going
  done
  equal "five were measured" 5 "${#whole[@]}"
  rows+=("| $label | ${whole[*]} | $(median "${whole[@]}") |")
}

{ model phi4-mini; service reload phi4-mini; } | apply >/dev/null
ready reload
before=$(pod_identity reload) count=0 rows=()
k get isvc reload --watch -o json | jq --unbuffered -c '{at: now, advertised: (.status.advertisedModels // [])}' >"$seen" & watcher=$!
joins "downloaded in 5 s" slow/{phi4-mini,qwen3-7b-coder,llama3-1b,gemma3-4b-summarizer}.gguf "slow/phi4-mini.gguf?again"
joins "downloaded in no time" {phi4-mini,qwen3-7b-coder,llama3-1b,gemma3-4b-summarizer}.gguf "phi4-mini.gguf?again"
kill $watcher
equal "in the same Pod, with no restart" "$before" "$(pod_identity reload)"
printf '| seconds from the file to its name | the five | median |\n| --- | --- | ---: |\n'
printf '%s\n' "${rows[@]}"
