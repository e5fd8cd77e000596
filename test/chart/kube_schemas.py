"""JSON schemas for kubeconform, made from the OpenAPI v3 files that the pinned Kubernetes module carries: no network."""
import glob
import json
import os
import subprocess

import tools


def module_folder():
    """Folder of module k8s.io/kubernetes in Go's module cache, at the version that e2e/cluster/tools pins."""
    done = subprocess.run(["go", "list", "-m", "-f", "{{.Version}} {{.Dir}}", "k8s.io/kubernetes"], text=True,
                          cwd=os.path.join(tools.ROOT, "e2e", "cluster", "tools"), capture_output=True, check=False)
    version, _, folder = done.stdout.strip().partition(" ")
    return version, folder


MAPS_BY_NAME = ("properties", "definitions", "schemas")


def strict(schema, names=False):
    """The schema with unknown fields forbidden, and references as JSON schema wants them. `names`: its keys are names
    of fields or types, not words of the schema."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if names:
        return {name: strict(value) for name, value in schema.items()}
    made = {key: strict(value, names=key in MAPS_BY_NAME) for key, value in schema.items()
            if not key.startswith("x-kubernetes-") and key != "default"}
    if isinstance(made.get("$ref"), str):
        made["$ref"] = made["$ref"].replace("#/components/schemas/", "#/definitions/")
    if made.get("properties") and made.get("type") == "object" and not schema.get("x-kubernetes-preserve-unknown-fields"):
        made.setdefault("additionalProperties", False)
    return made


def file_name(group, version, kind):
    """As kubeconform asks for it: it takes the version for the group where there is none."""
    return f"{group or version}_{version}_{kind.lower()}.json"


def write(folder, group, version, kind, schema):
    with open(os.path.join(folder, file_name(group, version, kind)), "w", encoding="utf-8") as out:
        json.dump(schema, out)


def from_kubernetes():
    """Folder with one schema for each kind of Kubernetes, or None when its module is not here."""
    version, source = module_folder()
    if not source:
        return None
    folder = f"{tools.CACHE}/schemas/kubernetes-{version}"
    if os.path.exists(f"{folder}/done"):
        return folder
    os.makedirs(folder, exist_ok=True)
    for path in glob.glob(f"{source}/api/openapi-spec/v3/api*_openapi.json"):
        with open(path, encoding="utf-8") as text:
            found = json.load(text).get("components", {}).get("schemas", {})
        definitions = strict(found, names=True)
        for name, schema in found.items():
            for kind in schema.get("x-kubernetes-group-version-kind", []):
                write(folder, kind["group"], kind["version"], kind["kind"],
                      {"$ref": f"#/definitions/{name}", "definitions": definitions})
    open(f"{folder}/done", "w", encoding="utf-8").close()
    return folder


def from_crds(crds, folder):
    """Writes a schema for each served version of some CRDs."""
    os.makedirs(folder, exist_ok=True)
    for crd in crds:
        names, group = crd["spec"]["names"], crd["spec"]["group"]
        for version in crd["spec"]["versions"]:
            schema = strict(version["schema"]["openAPIV3Schema"])
            schema["properties"]["metadata"] = {"type": "object"}
            for standard in ("apiVersion", "kind"):
                schema["properties"].setdefault(standard, {"type": "string"})
            write(folder, group, version["name"], names["kind"], schema)
    return folder


def locations(folders):
    """kubeconform's arguments for some folders."""
    return [word for folder in folders
            for word in ("-schema-location", folder + "/{{.Group}}_{{.ResourceAPIVersion}}_{{.ResourceKind}}.json")]
