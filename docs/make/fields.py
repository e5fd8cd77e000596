"""docs/fields.md: every field of both kinds, from the CRDs."""
import glob

import yaml

import sources

# Below these only Kubernetes' own fields follow: `kubectl explain` has them.
DEPTH_OF_KUBERNETES_TYPES = ("affinity", "env[]", "extraVolumes[]", "extraVolumeMounts[]", "podSecurityContext",
                             "securityContext", "topologySpreadConstraints[]", "tolerations[]", "prefetchTolerations[]",
                             "probeOverrides.startup", "probeOverrides.liveness", "probeOverrides.readiness",
                             "imagePullSecrets[]", "resourceClaims[]", "conditions[]", "hfTokenSecretRef",
                             "sourceSecretRef")


def cell(text):
    return " ".join(str(text).split()).replace("|", "\\|")


def kind_of(schema):
    if schema.get("x-kubernetes-int-or-string"):
        return "int or string"
    if schema.get("type") == "array":
        return f"[]{kind_of(schema['items'])}"
    if schema.get("type") == "object" and "additionalProperties" in schema:
        return f"map of {kind_of(schema['additionalProperties'])}"
    return schema.get("type", "any")


def bounds(schema):
    parts = []
    if "enum" in schema:
        parts.append("one of " + ", ".join(f"`{word}`" for word in schema["enum"]))
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None or high is not None:
        parts.append(f"{'' if low is None else low}..{'' if high is None else high}")
    if "maxItems" in schema:
        parts.append(f"at most {schema['maxItems']} entries")
    if "default" in schema:
        parts.append(f"default `{yaml.safe_dump(schema['default'], default_flow_style=True).strip().removesuffix('...').strip()}`")
    return "; ".join(parts)


def rows(schema, path=""):
    for name, field in schema.get("properties", {}).items():
        where = f"{path}.{name}" if path else name
        inner, suffix = field, ""
        while inner.get("type") == "array":
            inner, suffix = inner["items"], suffix + "[]"
        yield where, kind_of(field), bounds(field), field.get("description", "")
        if not any((where + suffix).endswith(end) for end in DEPTH_OF_KUBERNETES_TYPES):
            yield from rows(inner, where + suffix)


def crds():
    found = []
    for path in sorted(glob.glob(f"{sources.CRDS}/*.yaml")):
        with open(path, encoding="utf-8") as text:
            found.append(yaml.safe_load(text))
    return found


def page():
    made = ["# Fields", "", "Made from the CRDs by `docs/generate`. `kubectl explain isvc.spec.router` says the same.",
            "Below a field that has a Kubernetes type (affinity, env, probes, ...) Kubernetes' own documentation holds.", ""]
    for crd in crds():
        names = crd["spec"]["names"]
        version, = crd["spec"]["versions"]
        for part in ("spec", "status"):
            made += [f"## {names['kind']} (`{names['shortNames'][0]}`): {part}", "", "| field | type | bounds | what |",
                     "| --- | --- | --- | --- |"]
            schema = version["schema"]["openAPIV3Schema"]["properties"][part]
            made += [f"| `{path}` | {kind} | {cell(limit)} | {cell(what)} |" for path, kind, limit, what in rows(schema)]
            made.append("")
    return "\n".join(made)
