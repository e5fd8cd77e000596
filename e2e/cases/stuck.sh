# Why a service is stuck, by name, in the words of the part of Kubernetes that holds it up.
# Beside others.
. "$(dirname "$0")/../lib/case.sh"

why() { status "$1" '.status.conditions[]? | select(.type == "Ready") | [.status, .reason, .message] | join(" ")'; }
{ model phi4-mini; service fine phi4-mini; } | apply >/dev/null
ready fine    # its files are there from now on

{ printf 'apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: unbound}\nspec: {accessModes: [ReadWriteOnce], storageClassName: "", resources: {requests: {storage: 1Gi}}}\n'
  service unbound phi4-mini; echo '  modelCache: {claimName: unbound}'
  service no-claim phi4-mini; echo '  modelCache: {claimName: nowhere}'
  service no-model phi4-mini nobody
  service no-node phi4-mini; echo '  nodeSelector: {disk: nowhere}'
  service no-gpu phi4-mini; echo '  resources: {requests: {nvidia.com/gpu: 64}}'
  service no-image phi4-mini; echo '  image: localhost/no-such-image:e2e'
  service no-secret phi4-mini; echo '  env: [{name: TOKEN, valueFrom: {secretKeyRef: {name: no-such-secret, key: a}}}]'
  service crash phi4-mini; echo '  extraArgs: ["--webui-config-file", "/nowhere"]'; } | apply >/dev/null
within 60 "a claim that names no StorageClass" 'False ClaimPending .*unbound.*StorageClass' why unbound
within 30 "a claim that is not there" 'False ClaimNotFound .*nowhere' why no-claim
within 30 "a Model that is not there, and how to look" 'False ModelsMissing .*nobody.*not found in namespace .*kubectl get mdl' why no-model
within 60 "no node: the scheduler's word" 'False Unschedulable .*nodes? are available' why no-node
within 60 "no GPU: the resource's name" 'False InsufficientGPU waiting for 64 nvidia.com/gpu' why no-gpu
equal "phase WaitingForGPU" '"WaitingForGPU"' "$(status no-gpu .status.phase)"
within 90 "an image that cannot be pulled" 'False ImagePullFailed .*no-such-image' why no-image
within 60 "a Secret that is not there" 'False ContainerNotStarting .*no-such-secret' why no-secret
within 120 "a crash: which container, how it ended" 'False CrashLoop .*container llama-server: .*exit code [1-9]' why crash

k create quota pods --hard=pods=0 >/dev/null
service no-pods phi4-mini | apply >/dev/null
within 60 "a quota for Pods" 'False PodsRefused .*exceeded quota' why no-pods
k delete quota pods >/dev/null
k create quota services --hard=count/services=0 >/dev/null
service no-services phi4-mini | apply >/dev/null
within 60 "a quota for a child" 'False ChildRefused Service no-services: .*exceeded quota' why no-services
k delete quota services >/dev/null
within 180 "it is tried again when the quota is gone" '^"True' why no-services
k create quota slices --hard=count/endpointslices.discovery.k8s.io=0 >/dev/null
service no-endpoint phi4-mini | apply >/dev/null
within 90 "a quota for EndpointSlices: the Service, and how to look" 'False NoReadyEndpoint Service no-endpoint .*kubectl -n .* describe service no-endpoint' why no-endpoint
equal "no name that does not answer" '' "$(advertised no-endpoint)"
check "the Service's Events say why" 'forbidden.*exceeded quota' k describe service no-endpoint
k delete quota slices >/dev/null
k annotate service no-endpoint seen=yes >/dev/null    # makes kube-controller-manager look again: its next try may be minutes away
within 180 "it is Ready when the Service has endpoints" '^"True' why no-endpoint
answers no-endpoint phi4-mini
answers fine phi4-mini
