# A GPU in either shape of resources reaches the Pod, equal in requests and limits, and such a service never gets the CPU image.
# Beside others.
. "$(dirname "$0")/../lib/case.sh"

container() { k get deploy "$1" -o json | jq -c ".spec.template.spec.containers[] | select(.name == \"llama-server\") | $2"; }
# visible_devices ISVC — what llama-server in the service's Pod is told of its GPUs; its process is the one in the Pod's cgroup.
visible_devices() {
  local uid process
  uid=$(k get pods -l "inference.llmkube.dev/service=$1" -o jsonpath='{.items[0].metadata.uid}')
  for process in $(pgrep -f 'llama-server .*models-preset'); do
    grep -qE "pod(${uid}|${uid//-/_})" "/proc/$process/cgroup" && tr '\0' '\n' <"/proc/$process/environ" | grep NVIDIA_VISIBLE_DEVICES
  done
}
model phi4-mini | apply >/dev/null
{ service kubernetes phi4-mini; echo '  resources: {requests: {nvidia.com/gpu: 1}}'
  service llmkube phi4-mini; echo '  resources: {gpu: 1}'
  service none phi4-mini; } | apply >/dev/null
for s in kubernetes llmkube; do
  ready "$s"
  equal "$s: one GPU in requests and limits" '["1","1"]' "$(container "$s" '[.resources.requests["nvidia.com/gpu"], .resources.limits["nvidia.com/gpu"]]')"
  equal "$s: the CUDA image" '"localhost/llama-server:cuda-b11669"' "$(container "$s" .image)"
  equal "$s: Recreate" Recreate "$(k get deploy "$s" -o jsonpath='{.spec.strategy.type}')"
  check "$s: the device is in the container" 'GPU-fake-' visible_devices "$s"
done
ready none
equal "none: no GPU" 'null' "$(container none '.resources.limits["nvidia.com/gpu"]')"
equal "none: the CPU image" '"localhost/llama-server:cpu-b11669"' "$(container none .image)"
k delete isvc --all >/dev/null

printf 'apiVersion: inference.llmkube.dev/v1alpha1\nkind: Model\nmetadata: {name: big}\nspec: {source: %s/qwen3-7b-coder.gguf, hardware: {gpu: {count: 2}}}\n' "$HOST" | apply >/dev/null
service largest phi4-mini big | apply >/dev/null
ready largest
equal "the service says nothing: the largest count of its Models" '"2"' "$(container largest '.resources.limits["nvidia.com/gpu"]')"
equal "and the CUDA image" '"localhost/llama-server:cuda-b11669"' "$(container largest .image)"
