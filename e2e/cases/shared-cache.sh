# Two services, one Model, one cache: one Job. Deleted and made again under one name. A namespace goes away whole.
# Beside others.
. "$(dirname "$0")/../lib/case.sh"

{ model phi4-mini; service one phi4-mini; service two phi4-mini; } | apply >/dev/null
ready one; ready two
equal "one Job for the Model" 1 "$(k get jobs -l inference.llmkube.dev/model=phi4-mini -o name | wc -l)"
equal "one claim" 1 "$(k get pvc -o name | wc -l)"
k delete isvc one >/dev/null
within 75 "the deleted one's Pod is gone" '^$' pods "$NS" one
answers two phi4-mini
equal "the Job stays, for the Model does" 1 "$(k get jobs -l inference.llmkube.dev/model=phi4-mini -o name | wc -l)"
k delete isvc two --wait=false >/dev/null; service two phi4-mini | apply >/dev/null
ready two
answers two phi4-mini
# an object of ours that someone edits comes back; what someone adds stays
k patch svc two --type=merge -p '{"metadata": {"annotations": {"added": "by-hand"}}}' >/dev/null
k delete cm two-models >/dev/null
within 20 "a deleted ConfigMap comes back" 'phi4-mini' k get cm two-models -o yaml
k delete svc two >/dev/null
within 20 "a deleted Service comes back" '^service/two$' k get svc two -o name
ready two    # said anew: names leave with the Service, and join when the new one answers
answers two phi4-mini
kubectl delete namespace "$NS" --wait=false >/dev/null
within 90 "the namespace goes away" 'NotFound' kubectl get namespace "$NS"
