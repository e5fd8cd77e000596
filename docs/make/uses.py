"""What the reconciler does with a field of spec, for docs/fields.md. A field without a row has that of the field above
it; the rest are used."""

USED, PASSED_ON, KEPT = "used", "passed on", "kept"

ROWS = {
    "InferenceService": {
        PASSED_ON: """affinity env extraVolumeMounts extraVolumes imagePullSecrets nodeSelector podAnnotations podLabels
            podSecurityContext priorityClassName probeOverrides revisionHistoryLimit runtimeClassName securityContext
            tolerations topologySpreadConstraints""",
        KEPT: """args command disruption.protectStartup endpoint.gateway evictionProtection hotCacheMaxSize
            maxPodLifetimeIdleTimeoutSeconds maxPodLifetimeSeconds pagedSSDCacheDir pagedSSDCacheMaxSize
            personaPlexConfig resources.gpuMemory resources.gpuSharing.memoryLimitGiB rolloutPolicy sglangConfig
            skipModelInit slo speculativeDecoding.draftModel tgiConfig turboQuantBits vllmConfig""",
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
