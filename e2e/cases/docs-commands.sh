# The commands of README and docs, typed as they stand there: from the install to the removal of everything.
. "$(dirname "$0")/../lib/case.sh"
folder=$(mktemp -d)
trap 'install >/dev/null 2>&1; rm -rf "$folder"; exit $((FAILED != 0))' EXIT
page() { # PAGE — as a reader who puts the own words in
  local out; out=$(cd "$folder" && NS=$SYSTEM python3 "$E2E/lib/docs_commands.py" "$REPO/$1" REGISTRY=localhost TAG=e2e edge="$NS" NAMESPACE="$NS" \
    NAME=edge-multi-model JOB="$(k get jobs -o jsonpath='{.items[0].metadata.name}' 2>/dev/null)" 2>&1) || FAILED=1
  echo "$out"; }
# examples as they are, but for the sources: those of the file host
mkdir "$folder/examples"; ln -s "$REPO/charts" "$folder/charts"; cp "$REPO/examples/edge-multi-model.yaml" "$folder/examples/"
{ for name in phi4-mini qwen3-7b-coder gemma3-4b-summarizer; do model $name; done; } >"$folder/examples/models.yaml"
equal "examples/models.yaml has these Models" "$(sed -n 's/^metadata: //p' "$folder/examples/models.yaml")" "$(sed -n 's/^metadata: //p' "$REPO/examples/models.yaml")"

# the release's defaults name runtime images of a registry: those that are here go by the same names
for name in cpu cuda; do
  ctr -n k8s.io images tag --force "localhost/llama-server:$name-b11669" "$(helm show values "$CHART" | sed -n "s/^  $name: //p" | head -n 1)" >/dev/null; done
helm uninstall llmkube-router --namespace "$SYSTEM" --wait >/dev/null
page README.md
equal "the three models answer" 'phi4-mini qwen3-7b-coder gemma3-4b-summarizer' "$(advertised edge-multi-model)"
for file in $(grep -l '^ *```sh' "$REPO"/docs/*.md | grep -v upgrading) docs/upgrading.md; do page "${file#"$REPO/"}"; done    # its last block removes all
equal "what upgrading.md removes at the end is gone" '' "$(kubectl get crd -o name | grep inference.llmkube.dev)"
