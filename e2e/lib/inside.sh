# inside.sh — for scripts that run inside the cluster's sandbox: install the chart, the file host, namespaces, Models, requests.
# Meant to be sourced. Wants MODELS (the folder of e2e/models/make.sh).
. "$(dirname "${BASH_SOURCE[0]}")/../cluster/env.sh"
SYSTEM=llmkube-router-system CHART=$REPO/charts/llmkube-router HOST=http://model-host.model-host.svc.cluster.local

# install [HELM-ARGUMENT...] — the chart with the image and the runtimes of the tests.
install() {
  helm upgrade --install llmkube-router "$CHART" --namespace "$SYSTEM" --create-namespace --wait --timeout 120s \
    --set image.registry= --set image.repository=localhost/llmkube-router --set image.tag=e2e --set image.pullPolicy=IfNotPresent \
    --set runtimeImages.cpu=localhost/llama-server:cpu-b11669 --set runtimeImages.cuda=localhost/llama-server:cuda-b11669 \
    --set modelCache.size=1Gi "$@"
}

# The webhooks' configurations, and how a case that deleted them gives them back: by helm, so that every field has one owner; the
# reconciler then writes its CA into them.
CONFIGURATIONS=(mutatingwebhookconfiguration/llmkube-router validatingwebhookconfiguration/llmkube-router)
restore_configurations() { kubectl get "${CONFIGURATIONS[@]}" >/dev/null 2>&1 || install; }

model_host() {
  kubectl apply -f "$E2E/manifests/model-host.yaml"
  kubectl -n model-host rollout status deploy/model-host --timeout=60s
}

# namespace NAME — one that takes only restricted Pods.
namespace() { kubectl create namespace "$1" --dry-run=client -o yaml | kubectl label --local -f - -o yaml pod-security.kubernetes.io/enforce=restricted | kubectl apply -f -; }

# model NAME [FILE] [SHA256] — the manifest of a Model whose file the file host serves; its sha256 unless SHA256 says another, or `none`.
model() {
  local name=$1 file=${2:-$1.gguf} sha=${3:-}
  [ -n "$sha" ] || sha=$(awk -v f="${file##*/}" '$2 == f { print $1 }' "$MODELS/sha256sums")
  printf -- '---\napiVersion: inference.llmkube.dev/v1alpha1\nkind: Model\nmetadata: {name: %s}\nspec:\n  source: %s/%s\n' "$name" "$HOST" "$file"
  [ "$sha" = none ] || printf '  sha256: "%s"\n' "$sha"
}

# service_url NAMESPACE ISVC — the address of a service as the node reaches it.
service_url() {
  local address port
  read -r address port < <(kubectl -n "$1" get service "$2" -o jsonpath='{.spec.clusterIP} {.spec.ports[?(@.name=="http")].port}{"\n"}')
  echo "http://$(in_url "$address"):$port"
}

# chat NAMESPACE ISVC MODEL [MAX_TOKENS] — the answer of one chat completion, as JSON in one line; HTTP errors too. Asked once: who is Ready answers.
chat() {
  curl -sS --max-time 120 "$(service_url "$1" "$2")/v1/chat/completions" -H 'Content-Type: application/json' \
    -d "{\"model\": \"$3\", \"max_tokens\": ${4:-8}, \"messages\": [{\"role\": \"user\", \"content\": \"Who are you?\"}]}" | jq -c .
}

# pods NAMESPACE ISVC — the names of a service's Pods that are not going away.
pods() { kubectl -n "$1" get pods -l "inference.llmkube.dev/service=$2" -o json | jq -r '.items[] | select(.metadata.deletionTimestamp == null) | .metadata.name'; }

# agent NAMESPACE ISVC [PATH] — what the agent of the service's first Pod answers.
agent() {
  local pod; pod=$(pods "$1" "$2" | head -n 1)
  curl -sS --max-time 10 "http://$(in_url "$(kubectl -n "$1" get pod "$pod" -o jsonpath='{.status.podIP}')"):8081${3:-/state}"
}

# resident NAMESPACE ISVC — the models that are in memory now, by the agent's word.
resident() { agent "$1" "$2" | jq -r '[.models[] | select(.state == "loaded" or .state == "sleeping") | .name] | join(" ")'; }
