"""Objects of cert-manager and the Prometheus Operator, against the schemas that their Go modules carry."""
import glob
import json
import unittest

import yaml

import kube_schemas
import tools

# Module, version, the CRDs in it, and the kinds that the chart makes.
MODULES = [
    ("github.com/cert-manager/cert-manager", "v1.21.2", "deploy/crds/*.yaml", ["Certificate", "Issuer"]),
    ("github.com/prometheus-operator/prometheus-operator", "v0.85.0", "example/prometheus-operator-crd/*.yaml",
     ["ServiceMonitor", "PodMonitor", "PrometheusRule"]),
]


def crds_of(module, version, pattern, kinds):
    """The CRDs of some kinds in a module, or None when it cannot be had (no network, not in Go's cache)."""
    done = tools.run(["go", "mod", "download", "-json", f"{module}@{version}"], cwd="/")
    folder = json.loads(done.stdout or "{}").get("Dir") if done.returncode == 0 else None
    if not folder:
        return None
    found = []
    wanted = tuple(f"_{kind.lower()}s.yaml" for kind in kinds)
    for path in (p for p in sorted(glob.glob(f"{folder}/{pattern}")) if p.endswith(wanted)):
        with open(path, encoding="utf-8") as text:
            found += [o for o in yaml.safe_load_all(text) if o and o["kind"] == "CustomResourceDefinition"]
    return found


class ForeignKinds(unittest.TestCase):
    def test_objects_are_valid_against_their_schemas(self):
        kubeconform = tools.need("kubeconform", "e2e/cluster/build.sh builds it")
        for module, version, pattern, kinds in MODULES:
            crds = crds_of(module, version, pattern, kinds)
            if not crds:
                self.skipTest(f"{module}@{version} is not in Go's module cache and cannot be fetched")
            folder = kube_schemas.from_crds(crds, f"{tools.CACHE}/schemas/{module.rsplit('/', 1)[1]}-{version}")
            seen = set()
            for values in tools.value_files():
                for o in tools.rendered(values):
                    if o["kind"] not in kinds:
                        continue
                    seen.add(o["kind"])
                    with self.subTest(values, object=f"{o['kind']} {o['metadata']['name']}"):
                        done = tools.run([kubeconform, "-strict", *kube_schemas.locations([folder])], input=yaml.safe_dump(o))
                        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertEqual(seen, set(kinds), "each kind is rendered by some set of values")
