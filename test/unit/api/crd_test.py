#!/usr/bin/python3
"""The CRDs hold all of LLMKube's API, say something of each field, and are what their sources make."""
import pathlib
import shutil
import subprocess
import unittest

import yaml

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
CRD = ROOT / "common/api/crd"
GENERATED = ROOT / "charts/llmkube-router/crds-generated"
PAIRS = {"inferenceservice": "inferenceservices", "model": "models"}

# Where ours is different on purpose: (path, key) -> why.
ON_PURPOSE = {
    ("spec", "required"): "modelRef is required by the union's rules, for runtimes of one model only",
    ("spec.runtime", "enum"): "the rules know the runtimes, so that a new one needs no new schema",
}


def source(plural):
    return yaml.safe_load((CRD / (plural + ".yaml")).read_text())["schema"]


def facts(kind):
    return yaml.safe_load((HERE / "llmkube" / (kind + ".yaml")).read_text())


def rules_of(node):
    return sorted(" ".join(rule["rule"].replace("'", '"').split()) for rule in node)


def lost(theirs, ours, path=""):
    """What the facts say and ours does not, as lines."""
    out = []
    for key, value in theirs.items():
        if (path, key) in ON_PURPOSE:
            continue
        if key == "properties":
            for name, child in value.items():
                at = f"{path}.{name}".lstrip(".")
                if name not in ours.get(key, {}):
                    out.append(f"{at}: missing")
                else:
                    out += lost(child, ours[key][name], at)
        elif key in ("items", "additionalProperties"):
            out += lost(value, ours.get(key, {}), path + "[]")
        elif key == "x-kubernetes-validations":
            if not set(rules_of(value)) <= set(rules_of(ours.get(key, []))):
                out.append(f"{path}: CEL rules {rules_of(value)} != {rules_of(ours.get(key, []))}")
        elif ours.get(key) != value:
            out.append(f"{path}: {key} {value!r} != {ours.get(key)!r}")
    return out


def narrower(theirs, ours, path=""):
    """Bounds on a field of LLMKube that only ours has: they would refuse what LLMKube takes."""
    out = []
    for name, child in theirs.get("properties", {}).items():
        at = f"{path}.{name}".lstrip(".")
        mine = ours["properties"][name]
        extra = set(mine) - set(child) - {"properties"}
        if extra:
            out.append(f"{at}: {sorted(extra)}")
        out += narrower(child, mine, at)
    return out


def undescribed(schema, path=""):
    out = []
    for name, child in schema.get("properties", {}).items():
        at = f"{path}.{name}".lstrip(".")
        if at != "metadata" and not child.get("description"):
            out.append(at)
        if "x-core" not in str(child):
            out += undescribed(child, at)
    if "items" in schema:
        out += undescribed(schema["items"], path + "[]")
    return out


def own_only(described, marked):
    """The described schema where the source has own fields, without what came from core types."""
    out = {key: value for key, value in described.items() if key not in ("properties", "items")}
    if "x-core-type" in marked:
        return out
    if "properties" in marked:
        out["properties"] = {name: own_only(described["properties"][name], child)
                             for name, child in marked["properties"].items()}
    if "items" in marked:
        out["items"] = own_only(described["items"], marked["items"])
    return out


class Crds(unittest.TestCase):
    def test_nothing_of_llmkube_is_lost(self):
        for kind, plural in PAIRS.items():
            self.assertEqual(lost(facts(kind), source(plural)), [], plural)

    def test_nothing_of_llmkube_is_narrower(self):
        allowed = {"spec: ['x-kubernetes-validations']", "spec.runtime: ['maxLength']"}
        for kind, plural in PAIRS.items():
            self.assertEqual(set(narrower(facts(kind), source(plural))) - allowed, set(), plural)

    def test_the_comparison_sees_a_difference(self):
        changed = source("models")
        changed["properties"]["spec"]["properties"]["sha256"]["pattern"] = "x"
        del changed["properties"]["spec"]["properties"]["files"]
        self.assertEqual(len(lost(facts("model"), changed)), 2)

    def test_every_field_is_described(self):
        for plural in PAIRS.values():
            crd = yaml.safe_load((GENERATED / (plural + ".yaml")).read_text())
            schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
            self.assertEqual(undescribed(own_only(schema, source(plural))), [], plural)

    def test_an_object_fits_into_one_apply(self):
        for plural in PAIRS.values():
            self.assertLess((GENERATED / (plural + ".yaml")).stat().st_size, 250_000)

    @unittest.skipUnless(shutil.which("go"), "Go, which fetches Kubernetes' OpenAPI document, is not installed")
    def test_the_committed_files_are_what_the_sources_make(self):
        done = subprocess.run([CRD / "generate", "--check"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
