# watchNamespaces: Roles in the namespaces listed, and nothing anywhere else.
. "$(dirname "$0")/../lib/case.sh"
OTHER=$NS-not
trap 'kubectl delete namespace "$OTHER" --wait=false --ignore-not-found >/dev/null; install >/dev/null 2>&1; exit $((FAILED != 0))' EXIT
may() { kubectl auth can-i "$@" --as="system:serviceaccount:$SYSTEM:llmkube-router-reconciler"; }

namespace "$OTHER" >/dev/null
install --set "watchNamespaces={$NS}" >/dev/null || stop "the chart installs"
{ model phi4-mini; service here phi4-mini; } | apply >/dev/null
{ model phi4-mini; service there phi4-mini; } | kubectl -n "$OTHER" apply -f - >/dev/null
ready here
answers here phi4-mini
equal "the other namespace is left alone" 'null' "$(kubectl -n "$OTHER" get isvc there -o json | jq -c .status)"
check "no Job there" '^No resources' kubectl -n "$OTHER" get jobs,deployments
check "it may not even look there" '^no$' may list pods -n "$OTHER"
check "it may here" '^yes$' may list pods -n "$NS"
check "it may read no Secret of a user" '^no$' may get secrets -n "$NS"
check "the webhook does not judge there: the CRD does" 'created' kubectl -n "$OTHER" create --dry-run=server -f - < <(service twice phi4-mini phi4-mini)
service twice phi4-mini phi4-mini | denied "it judges here" 'spec.models\[1\].name'
