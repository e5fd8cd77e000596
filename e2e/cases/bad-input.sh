# Bad input of every kind: refused at apply with the path, the value and the fix; nothing crashes.
# Beside others.
# On IPv6 too.
. "$(dirname "$0")/../lib/case.sh"

router() { printf 'apiVersion: inference.llmkube.dev/v1alpha1\nkind: InferenceService\nmetadata: {name: bad}\nspec: {runtime: llamacpp-router%s}\n' "$1"; }
M=', models: [{name: a}, {name: b}]'
many() { local i; for i in $(seq "$1"); do printf '{name: m%d}, ' "$i"; done; }

denied "models is a text" 'spec\.models: ' <<<"$(router ', models: "a"')"
denied "models holds a number" 'spec\.models\[0\]' <<<"$(router ', models: [1]')"
denied "models holds null" 'spec\.models\[0\]' <<<"$(router ', models: [null]')"
denied "models is an object" 'spec\.models: ' <<<"$(router ', models: {a: b}')"
denied "a model without a name" 'spec\.models\[0\]\.name' <<<"$(router ', models: [{}]')"
denied "a name that is a number" 'spec\.models\[0\]\.name' <<<"$(router ', models: [{name: 7}]')"
denied "router is a list" 'spec\.router: ' <<<"$(router "$M, router: []")"
denied "runtime is a number" 'spec\.runtime' <<<"$(printf 'apiVersion: inference.llmkube.dev/v1alpha1\nkind: InferenceService\nmetadata: {name: bad}\nspec: {runtime: 5}\n')"
denied "spec is a text" 'spec' <<<"$(printf 'apiVersion: inference.llmkube.dev/v1alpha1\nkind: InferenceService\nmetadata: {name: bad}\nspec: "x"\n')"
denied "65 models" 'spec\.models: .*64' <<<"$(router ", models: [$(many 65)]")"
accepted "64 models" <<<"$(router ", models: [$(many 64)]")"
denied "a name with a dot" 'spec\.models\[0\]\.name: .*a\.b' <<<"$(router ', models: [{name: a.b}]')"
denied "a GPU of 0" 'nvidia\.com/gpu' <<<"$(router "$M, resources: {requests: {nvidia.com/gpu: 0}}")"
denied "a quantity 1Gb" 'spec\.resources\.requests.*memory.*1Gb' <<<"$(router "$M, resources: {requests: {memory: 1Gb}}")"
denied "preload of nobody" 'spec\.router\.preload\[0\]: .*nobody' <<<"$(router "$M, router: {preload: [nobody]}")"
denied "more preloads than maxLoadedModels" 'spec\.router\.preload' <<<"$(router "$M, router: {preload: [a, b]}")"
denied "--port in extraArgs" 'spec\.extraArgs\[0\]: .*--port' <<<"$(router "$M, extraArgs: [\"--port\", \"9\"]")"
denied "--model in a model's extraArgs" 'spec\.models\[0\]\.extraArgs\[0\]: .*--model' <<<"$(router ', models: [{name: a, extraArgs: ["--model", "/x"]}]')"
denied "an unknown flag, with the nearest known one" 'spec\.extraArgs\[0\]: .*--ctx-sise.*--ctx-size' <<<"$(router "$M, extraArgs: [\"--ctx-sise\", \"9\"]")"
denied "a value that a flag does not take" 'spec\.extraArgs\[1\]: .*"soon".*whole number' <<<"$(router "$M, extraArgs: [\"--timeout\", \"soon\"]")"
denied "an operator without its values" 'spec\.affinity\..*matchExpressions\[0\]\.values' <<<"$(router "$M, affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: a, operator: In}]}]}}}")"
denied "a newline in an alias" 'spec\.models\[0\]\.aliases\[0\]' <<<"$(router ', models: [{name: a, aliases: ["x\ny"]}]')"
denied "a comment sign in a preset value" 'spec\.models\[0\]\.extraArgs\[1\]' <<<"$(router ', models: [{name: a, extraArgs: ["--chat-template", "a # b"]}]')"
denied "a bracket in an alias" 'spec\.models\[0\]\.aliases\[0\]' <<<"$(router ', models: [{name: a, aliases: ["x]"]}]')"
denied "a name twice" 'spec\.models\[1\]\.name: .*a' <<<"$(router ', models: [{name: a}, {name: a}]')"
denied "an alias that is another's name" 'spec\.models\[0\]\.aliases\[0\]: .*b' <<<"$(router ', models: [{name: a, aliases: [b]}, {name: b}]')"
denied "LLAMA_ARG_MODEL in env" 'spec\.env\[0\]\.name: .*LLAMA_ARG_MODEL' <<<"$(router "$M, env: [{name: LLAMA_ARG_MODEL, value: x}]")"
denied "a variable that is set twice" 'spec\.env\[1\]\.name: .*A' <<<"$(router "$M, env: [{name: A, value: x}, {name: A, value: z}]")"
denied "a probe of a port that the kubelet does not find" 'spec\.probeOverrides\.readiness\.httpGet\.port: .*agent' <<<"$(router "$M, probeOverrides: {readiness: {httpGet: {path: /readyz, port: agent}}}")"
denied "an unknown runtime, with the nearest known one" 'spec\.runtime: .*llamacpp-ruoter.*llamacpp-router' <<<"$(printf 'apiVersion: inference.llmkube.dev/v1alpha1\nkind: InferenceService\nmetadata: {name: bad}\nspec: {runtime: llamacpp-ruoter, modelRef: a}\n')"
denied "the same memory said twice with different values" 'spec\.resources' <<<"$(router "$M, resources: {memory: 1Gi, requests: {memory: 2Gi}}")"
denied "GPUs of two vendors" 'spec\.resources' <<<"$(router "$M, resources: {limits: {nvidia.com/gpu: 1, amd.com/gpu: 1}}")"
denied "four mistakes at once" 'spec\.models\[1\]\.name' 'spec\.router\.preload\[0\]' 'spec\.extraArgs\[0\]' 'spec\.resources\.requests.*memory' <"$E2E/manifests/mistakes.yaml"

mdl() { printf 'apiVersion: inference.llmkube.dev/v1alpha1\nkind: Model\nmetadata: {name: bad}\nspec: %s\n' "$1"; }
denied "a Model without a source" 'spec\.source' <<<"$(mdl '{}')"
denied "a sha256 that is none" 'spec\.sha256: .*abc' <<<"$(mdl '{source: "https://h/a.gguf", sha256: abc}')"
denied "a credential in a source" 'spec\.source' <<<"$(mdl '{source: "https://user:secret@h/a.gguf"}')"
denied ".. in files" 'spec\.files\[0\]: .*\.\.' <<<"$(mdl '{source: "hf://org/repo", files: ["../x.gguf"]}')"

check "kubectl prints one line for each mistake" '^\* spec\.router\.preload\[0\]: ' k create --dry-run=server -f "$E2E/manifests/mistakes.yaml"
check "an unknown field is named by strict decoding" 'unknown field "spec.modles"' k create --dry-run=server --validate=strict -f - <<<"$(router "$M, modles: []")"
check "the webhook never restarted" '^(0 ?)+$' kubectl -n "$SYSTEM" get pods -l app.kubernetes.io/component=webhook -o 'jsonpath={.items[*].status.containerStatuses[*].restartCount}'
