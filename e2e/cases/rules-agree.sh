# Objects of every odd shape, judged by the CRDs alone and by the webhooks before them: what a CRD refuses, the rules refuse too,
# and say it better; so that one apply names every mistake.
. "$(dirname "$0")/../lib/case.sh"

trap 'restore_configurations >/dev/null; exit $((FAILED != 0))' EXIT

objects=$(mktemp -d)
python3 "$E2E/lib/odd_objects.py" "$objects"
judge() { k create --dry-run=server --validate=false -f "$objects" 2>&1; }
names() { grep -oE 'odd-[0-9]+' | sort -u; }
refused() { grep -vE 'created \(server dry run\)$' | names; }

kubectl delete "${CONFIGURATIONS[@]}" >/dev/null
sleep 2    # the API server has seen it
crd=$(judge)
restore_configurations >/dev/null
unknown='{"apiVersion": "inference.llmkube.dev/v1alpha1", "kind": "InferenceService", "metadata": {"name": "x"}, "spec": {"runtime": "x", "modelRef": "a"}}'
ask() { k create --dry-run=server -f - <<<"$unknown"; }
within 120 "the webhooks are asked again" 'is no known runtime' ask
both=$(judge)

check "the CRDs refuse many of $(find "$objects" -type f | wc -l) objects" '^[0-9]{2,}$' grep -c . <(refused <<<"$crd")
equal "every one of them is refused with the webhooks" "" "$(comm -23 <(refused <<<"$crd") <(refused <<<"$both"))"
# a CRD's own words: "in body must be of type", "in body should match", "should be greater than or equal to"
equal "and in the webhooks' words" "" "$(grep -E ' in body (must|should)|should be (greater|less) than' <<<"$both")"
rm -rf "$objects"
