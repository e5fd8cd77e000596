# A converged service sees no write at all. $QUIET_SECONDS (40) is how long it is watched.
# Beside others.
. "$(dirname "$0")/../lib/case.sh"

everything() { { k get deploy,rs,svc,cm,jobs,pods,pvc,isvc,mdl -o json; kubectl -n "$SYSTEM" get deploy,svc,cm,secret,pods -o json
  kubectl get crd,mutatingwebhookconfiguration,validatingwebhookconfiguration -o json; } | jq -c '.items[] | "\(.kind)/\(.metadata.name) \(.metadata.resourceVersion)"'; }
{ model phi4-mini; model qwen3-7b-coder; service quiet phi4-mini qwen3-7b-coder; } | apply >/dev/null
ready quiet
answers quiet qwen3-7b-coder
before=$(still 15 everything)    # the last samples
sleep "${QUIET_SECONDS:-40}"; after=$(everything)
unchanged "no write in ${QUIET_SECONDS:-40} s" "$before" "$after"
