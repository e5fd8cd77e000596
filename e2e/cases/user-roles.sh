# The chart's roles are part of the cluster's view, edit and admin: who has these in a namespace may do as much with our kinds there.
# Beside others.
. "$(dirname "$0")/../lib/case.sh"
may() { kubectl auth can-i "$2" "$3" ${4:+--subresource="$4"} -n "${5:-$NS}" --as="system:serviceaccount:$NS:$1" 2>/dev/null; }    # ROLE VERB RESOURCE [SUBRESOURCE [NAMESPACE]]
for role in view edit admin; do
  k create serviceaccount $role >/dev/null; k create rolebinding $role --clusterrole=$role --serviceaccount="$NS:$role" >/dev/null; done
for role in view edit admin; do
  within 15 "$role may list services" '^yes$' may $role list inferenceservices.inference.llmkube.dev
  check "$role may watch Models" '^yes$' may $role watch models.inference.llmkube.dev
  check "$role may not write a status" '^no$' may $role update inferenceservices.inference.llmkube.dev status
  check "$role may list none elsewhere" '^no$' may $role list inferenceservices.inference.llmkube.dev "" default
done
check "view may not create one" '^no$' may view create inferenceservices.inference.llmkube.dev
for role in edit admin; do for verb in create patch delete; do
  check "$role may $verb one" '^yes$' may $role $verb inferenceservices.inference.llmkube.dev; done
  check "$role may scale one" '^yes$' may $role patch inferenceservices.inference.llmkube.dev scale; done
