"""docs/fields.md: every field of both kinds, from the CRDs."""
import glob

import yaml

import sources
import uses

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


def table(schema, use=None):
    """The rows of a part; `use` adds what the reconciler does with each."""
    made = ["| field | type | bounds | what |" + (" use |" if use else ""),
            "| --- | --- | --- | --- |" + (" --- |" if use else "")]
    for path, kind, limit, what in rows(schema):
        made.append(f"| `{path}` | {kind} | {cell(limit)} | {cell(what)} |" + (f" {use(path)} |" if use else ""))
    if use and use.unasked():
        raise SystemExit(f"docs/make/uses.py names fields that no CRD has: {use.unasked()}")
    return made


def page():
    made = ["# Fields", "", "Made from the CRDs by `docs/generate`. `kubectl explain isvc.spec.router` says the same.",
            "Below a field that has a Kubernetes type (affinity, env, probes, ...) Kubernetes' own documentation holds.", "",
            uses.MEANING, ""]
    for crd in crds():
        names = crd["spec"]["names"]
        version, = crd["spec"]["versions"]
        for part in ("spec", "status"):
            made += [f"## {names['kind']} (`{names['shortNames'][0]}`): {part}", ""]
            schema = version["schema"]["openAPIV3Schema"]["properties"][part]
            made += table(schema, uses.of(names["kind"]) if part == "spec" else None)
            made.append("")
    return "\n".join(made)
