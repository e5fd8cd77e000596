# Manifests as LLMKube's users have them, for each of its runtimes: accepted with strict validation, by CRD and webhooks.
# Beside others.
. "$(dirname "$0")/../lib/case.sh"

for file in "$E2E"/manifests/samples/*.yaml; do
  accepted "$(basename "$file")" <"$file"
done
