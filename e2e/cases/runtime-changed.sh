# A service that becomes another operator's: what its status said of ours is taken back, what others wrote stays.
# Beside others.
. "$(dirname "$0")/../lib/case.sh"

model phi4-mini | apply >/dev/null
service leaving phi4-mini | apply >/dev/null
ready leaving
k patch isvc leaving --subresource=status --type=merge --field-manager=their-operator -p '{"status": {"queuePosition": 7}}' >/dev/null
k patch isvc leaving --type=merge -p '{"spec": {"runtime": "vllm", "modelRef": "phi4-mini", "models": null, "router": null}}' >/dev/null
within 30 "no name stands there that nobody vouches for" '^null$' status leaving .status.advertisedModels
equal "nor a condition or a phase" 'null null' "$(status leaving '.status | .conditions, .phase' | xargs)"
equal "what the other operator wrote stays" 7 "$(status leaving .status.queuePosition)"
k delete isvc leaving >/dev/null
