# The cache on CSI volumes: made by kubernetes-csi's external-provisioner, mounted through the kubelet's CSI calls, ext4 and root's alone as a cloud's disks
# are. Who may write, with fsGroupPolicy File and None; what the status says while the driver is away, and that all goes on when it comes.
# Wants csi.
. "$(dirname "$0")/../lib/case.sh"
OBJECTS=$STATE/csi-objects.yaml
cleanup() { # while the driver is there to take the volumes away
  k delete isvc --all >/dev/null; k delete jobs,pods --all --grace-period=1 >/dev/null; k delete pvc --all >/dev/null
  within 60 "the volumes go with their claims" '^$' volumes
  kill "$OPERATOR"; kubectl delete -f "$OBJECTS" >/dev/null
}
trap 'cleanup; exit $((FAILED != 0))' EXIT
volumes() { kubectl get pv -o json | jq -r --arg ns "$NS" '.items[] | select(.spec.claimRef.namespace == $ns) | .metadata.name'; }
why() { status "$1" '.status.conditions[]? | select(.type == "Ready") | [.status, .reason, .message] | join(" ")'; }
claim() { printf -- '---\napiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: %s}\nspec: {accessModes: [ReadWriteOnce], storageClassName: csi-%s, resources: {requests: {storage: 64Mi}}}\n' "$1" "$2"; }
on() { service "$1" phi4-mini; printf '  modelCache: {claimName: %s}\n' "$2"; }    # ISVC CLAIM
securities() { k get job -l inference.llmkube.dev/model=phi4-mini -o json | jq -r '.items[].spec.template.spec | .containers[0].securityContext as $c |
  "\(.securityContext.runAsNonRoot) \(.securityContext.runAsUser) \($c.readOnlyRootFilesystem) \($c.capabilities.drop | tojson)"' | sort -u; }
# seen CLAIM — owner, group and mode of what lies on the volume: its root, and the model's file
seen() {
  local root; root=$(ls -d /var/lib/kubelet/pods/*/volumes/kubernetes.io~csi/"$(k get pvc "$1" -o jsonpath='{.spec.volumeName}')"/mount | head -n 1)
  (cd "$root" && stat -c '%n %u:%g %a' . ./*/*.gguf | sed 's/[0-9a-f]\{16\}/KEY/' | paste -sd ' ')
}

cat >"$OBJECTS" <<'Y'
apiVersion: storage.k8s.io/v1
kind: CSIDriver
metadata: {name: file.csi.e2e.local}
spec: {attachRequired: false, fsGroupPolicy: File}
---
apiVersion: storage.k8s.io/v1
kind: CSIDriver
metadata: {name: none.csi.e2e.local}
spec: {attachRequired: false, fsGroupPolicy: None}
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: csi-file}
provisioner: file.csi.e2e.local
volumeBindingMode: WaitForFirstConsumer
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: csi-none}
provisioner: none.csi.e2e.local
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: csi-open}
provisioner: none.csi.e2e.local
parameters: {mode: "0777"}
Y
kubectl apply -f "$OBJECTS" >/dev/null
operator csi '^registered'
{ model phi4-mini; claim file file; claim open open; claim none none; on file file; on open open; on none none; } | apply >/dev/null
ready file; ready open
answers file phi4-mini; answers open phi4-mini
drivers() { kubectl get pv -o json | jq -r --arg ns "$NS" '[.items[] | select(.spec.claimRef.namespace == $ns) | .spec.claimRef.name + " " + .spec.csi.driver] | sort | join(", ")'; }
equal "the claims are bound to CSI volumes" "file file.csi.e2e.local, none none.csi.e2e.local, open none.csi.e2e.local" "$(drivers)"
check "who fetches is nobody special, on a root that cannot be written" '^true 65532 true \["ALL"\]$' securities
equal "fsGroupPolicy File: the kubelet gives the volume to the group" ". 0:102 2775 ./KEY/phi4-mini.gguf 65532:102 664" "$(seen file)"
equal "fsGroupPolicy None, open to all: it stays as it is, and what is written is the user's" ". 0:0 777 ./KEY/phi4-mini.gguf 65532:65532 664" "$(seen open)"
within 60 "fsGroupPolicy None, root's alone: the Model says so, and what to do" 'False ModelsFailed .*ReadOnlyVolume.*Permission denied.*fsGroup' why none

kill "$OPERATOR"; wait "$OPERATOR"
{ claim late file; on late late; on again file; } | apply >/dev/null
within 60 "no provisioner: the claim that waits, and for what" 'False ClaimPending .*claim ..late.. is not bound: StorageClass ..csi-file' why late
within 60 "no driver on the node: Kubernetes says so of the Pod" 'driver name file.csi.e2e.local not found' k get events --field-selector reason=FailedMount
check "and the service that its Pod is not ready" 'False PodsNotReady 0 of 1' why again
operator csi '^registered'
ready late; ready again
answers late phi4-mini; answers again phi4-mini
