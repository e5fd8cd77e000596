"""Roles: exactly what the code calls, not one verb more or less; secrets by name only."""
import os
import re
import unittest

import tools
from tools import of_kind, one, rendered

ACCESS = os.path.join(tools.ROOT, "reconciler", "checks", "access.cpp")
ROW = re.compile(r'\{"([\w.]*)", "(\w+)", "(\w*)", \{([^}]*)\}, Scope::(\w+)(, true)?\}')
# Named by the chart: the right holds for this one object (a create cannot be bound to a name).
NAMED = {
    ("", "secrets"): {"llmkube-router-webhook-tls"},
    ("coordination.k8s.io", "leases"): {"llmkube-router"},
    ("apiextensions.k8s.io", "customresourcedefinitions"): {"inferenceservices.inference.llmkube.dev", "models.inference.llmkube.dev"},
    ("admissionregistration.k8s.io", "mutatingwebhookconfigurations"): {"llmkube-router"},
    ("admissionregistration.k8s.io", "validatingwebhookconfigurations"): {"llmkube-router"},
}


def called(certificates=True):
    """Scope to the set of (group, resource, verb) that the reconciler says it calls."""
    with open(ACCESS, encoding="utf-8") as text:
        rows = ROW.findall(text.read())
    wanted = {"watched": set(), "own": set(), "cluster": set()}
    for group, resource, subresource, verbs, scope, for_certificates in rows:
        if for_certificates and not certificates:
            continue
        name = f"{resource}/{subresource}" if subresource else resource
        wanted[scope] |= {(group, name, verb) for verb in re.findall(r'"(\w+)"', verbs)}
    return wanted


def granted(role):
    return {(group, resource, verb) for rule in role["rules"] for group in rule["apiGroups"]
            for resource in rule["resources"] for verb in rule["verbs"]}


class Rbac(unittest.TestCase):
    def test_the_table_of_calls_is_read(self):
        wanted = called()
        self.assertGreater(len(wanted["watched"]), 30)
        self.assertGreater(len(wanted["own"]), 4)
        self.assertGreater(len(wanted["cluster"]), 4)

    def test_cluster_wide_roles_are_what_the_code_calls(self):
        for values, certificates in (("defaults", True), ("cert-manager", False), ("own-secret", False)):
            with self.subTest(values):
                wanted = called(certificates)
                objects = rendered(values)
                self.assertEqual(granted(one(objects, "ClusterRole", "llmkube-router-reconciler")),
                                 wanted["watched"] | wanted["cluster"])
                self.assertEqual(granted(one(objects, "Role", "llmkube-router-reconciler-own")), wanted["own"])

    def test_namespaced_roles_are_what_the_code_calls(self):
        wanted = called()
        objects = rendered("namespaced")
        roles = [o for o in of_kind(objects, "Role") if o["metadata"]["name"] == "llmkube-router-reconciler"]
        self.assertEqual({o["metadata"]["namespace"] for o in roles}, {"team-a", "team-b"})
        for role in roles:
            self.assertEqual(granted(role), wanted["watched"])
        self.assertEqual(granted(one(objects, "ClusterRole", "llmkube-router-reconciler")), wanted["cluster"])

    def test_rights_on_single_objects_name_them(self):
        for values in ("defaults", "namespaced"):
            for role in of_kind(rendered(values), "Role") + of_kind(rendered(values), "ClusterRole"):
                for rule in role["rules"]:
                    for group in rule["apiGroups"]:
                        for resource in rule["resources"]:
                            if (group, resource) in NAMED and rule["verbs"] != ["create"]:
                                self.assertEqual(set(rule["resourceNames"]), NAMED[group, resource])

    def test_nothing_is_granted_by_star(self):
        for values in tools.value_files():
            for role in of_kind(rendered(values), "Role") + of_kind(rendered(values), "ClusterRole"):
                for _, resource, verb in granted(role):
                    self.assertNotIn("*", resource + verb)
                    self.assertNotIn(verb, ("escalate", "bind", "impersonate"))

    def test_only_the_reconciler_is_bound(self):
        for values in tools.value_files():
            bindings = of_kind(rendered(values), "RoleBinding") + of_kind(rendered(values), "ClusterRoleBinding")
            for binding in bindings:
                self.assertEqual([s["name"] for s in binding["subjects"]], ["llmkube-router-reconciler"])
                roles = of_kind(rendered(values), binding["roleRef"]["kind"])
                self.assertIn(binding["roleRef"]["name"], [role["metadata"]["name"] for role in roles])
        self.assertFalse(of_kind(rendered("no-extras"), "ClusterRole") + of_kind(rendered("no-extras"), "Role"))

    def test_people_get_roles_that_aggregate(self):
        for name, to in (("viewer", "view"), ("editor", "edit"), ("admin", "admin")):
            role = one(rendered("defaults"), "ClusterRole", f"llmkube-router-{name}")
            self.assertEqual(role["metadata"]["labels"][f"rbac.authorization.k8s.io/aggregate-to-{to}"], "true")
            verbs = {verb for _, resource, verb in granted(role) if resource == "inferenceservices"}
            self.assertEqual("create" in verbs, name != "viewer")
            self.assertFalse([v for _, r, v in granted(role) if r.endswith("/status") and v != "get"])
