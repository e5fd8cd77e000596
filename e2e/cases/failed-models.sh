# A broken file, a wrong sha256 and a 404: those models are Failed and say why; the others serve and are advertised.
# Beside others.
. "$(dirname "$0")/../lib/case.sh"

{ model phi4-mini
  model page html.gguf none
  model wrong-sum qwen3-7b-coder.gguf 0000000000000000000000000000000000000000000000000000000000000000
  model missing no-such-file.gguf none
  model truncated truncated.gguf none
  model llama3-1b
  service mixed phi4-mini page wrong-sum missing truncated llama3-1b; } | apply >/dev/null
reason() { k wait --for=jsonpath='{.status.readyReplicas}'=1 isvc/mixed --timeout=60s >/dev/null; model_state mixed "$1"; }
within 60 "the good ones are advertised" '^phi4-mini llama3-1b$' advertised mixed
within 60 "page: an HTML page is called one" '^Failed NotGguf .*HTML' model_state mixed page
within 60 "wrong-sum: Failed DigestMismatch" '^Failed DigestMismatch ' model_state mixed wrong-sum
within 60 "missing: Failed NotFound" '^Failed NotFound .*404' model_state mixed missing
answers mixed phi4-mini
answers mixed llama3-1b
within 60 "truncated: Failed, and says why" '^Failed [A-Za-z]+ .+' model_state mixed truncated
within 30 "the good ones are still advertised, and only they" '^phi4-mini llama3-1b$' advertised mixed
check "ModelsAvailable is False and counts" 'False.*2/6' status mixed '.status.conditions[] | select(.type == "ModelsAvailable") | [.status, .message] | join(" ")'
check "Degraded" '"True"' status mixed '.status.conditions[] | select(.type == "Degraded") | .status'
check "Ready is False with reason ModelsFailed" 'False ModelsFailed' status mixed '.status.conditions[] | select(.type == "Ready") | [.status, .reason] | join(" ")'
check "Model page is Failed too" 'Failed' k get mdl page -o 'jsonpath={.status.phase}'
check "an event tells it" 'ModelFailed' k get events
answers mixed phi4-mini

# A good file that llama-server cannot load as asked: the service says so in the words of llama-server's own log.
service unloadable phi4-mini llama3-1b | sed 's/- name: llama3-1b/&\n      extraArgs: ["--override-kv", "general.architecture=str:nothing"]/' | apply >/dev/null
k wait --for=jsonpath='{.status.readyReplicas}'=1 isvc/unloadable --timeout=120s >/dev/null
within 60 "both are listed" 'llama3-1b' advertised unloadable
check "a request for it fails" 'failed to load' chat "$NS" unloadable llama3-1b
within 60 "LoadFailed, in the words of its log" "^Failed LoadFailed .*exit code 1.*unknown model architecture: 'nothing'" model_state unloadable llama3-1b
answers unloadable phi4-mini
