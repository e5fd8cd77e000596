# Partial is useful: the service serves what is there while another model is still on its way, which then joins with no Pod restart.
# Beside others.
# On IPv6 too.
. "$(dirname "$0")/../lib/case.sh"

{ model phi4-mini; model large slow/large.gguf; service partial phi4-mini large; } | apply >/dev/null
within 60 "the first model is advertised while the other downloads" '^phi4-mini$' advertised partial
answers partial phi4-mini
within 20 "the other is Downloading" '^Downloading ' model_state partial large
within 30 "with the bytes that are there" '^[1-9][0-9]*$' status partial '.status.models[] | select(.name == "large") | .bytesDone'
check "not Ready yet" '"False"' status partial '.status.conditions[] | select(.type == "Ready") | .status'
check "MODELS shows 1/2" '1/2' k get isvc partial
before=$(pod_identity partial)
# the host becomes fast: the same file under another address
{ model large large.gguf; } | apply >/dev/null
within 60 "the other joins" '^phi4-mini large$' advertised partial
ready partial 60
answers partial large
equal "in the same Pod" "$before" "$(pod_identity partial)"
within 20 "the Job of the old source is gone" '^1$' sh -c "kubectl -n $NS get jobs -l inference.llmkube.dev/model=large -o name | wc -l"
