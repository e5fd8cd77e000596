"""What the reconciler does with a field of spec, for docs/fields.md. A field without a row has that of the field above
it; the rest are used."""
import os
import re

import sources

USED, PASSED_ON, KEPT = "used", "passed on", "kept"


def ignored():
    """The fields that rule ignored-field warns of."""
    with open(os.path.join(sources.ROOT, "common", "rules", "service_router.cpp"), encoding="utf-8") as text:
        table, = re.findall(r"kIgnored\[\] = \{(.*?)\};", text.read(), re.DOTALL)
    return " ".join(re.findall(r'"(.*?)"', table))


ROWS = {
    "InferenceService": {
        PASSED_ON: """affinity env extraVolumeMounts extraVolumes imagePullSecrets nodeSelector podAnnotations podLabels
            podSecurityContext priorityClassName probeOverrides revisionHistoryLimit runtimeClassName securityContext
            tolerations topologySpreadConstraints""",
        KEPT: "disruption.protectStartup speculativeDecoding.draftModel " + ignored(),
    },
    "Model": {
        PASSED_ON: "hardware.gpu.resourceClaims prefetchTolerations resources",
        KEPT: """format hardware.gpu.memory hardware.memoryBudget hardware.memoryFraction prefetch quantization""",
    },
}
MEANING = ("`used`: the reconciler acts on it. `passed on`: it goes into the Pods as it is (security contexts over the "
           "restricted ones, a probe in place of the default one). `kept`: it is stored and judged by its schema for "
           "LLMKube, and does nothing here.")


def of(kind):
    """A function from a field's path to its use; every path of a row must be asked for, see `unasked`."""
    by_path = {path: use for use, paths in ROWS[kind].items() for path in paths.split()}
    asked = set()

    def use(path):
        asked.add(path)
        steps = path.replace("[]", "").split(".")
        for end in range(len(steps), 0, -1):
            found = by_path.get(".".join(steps[:end]))
            if found:
                return found
        return USED

    use.unasked = lambda: sorted(set(by_path) - asked)
    return use
