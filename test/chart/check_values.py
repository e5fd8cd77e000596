"""Values: each commented, each in the schema, a typo refused."""
import json
import os
import unittest

import yaml

import tools
import values_table


def leaves(values, path=()):
    for key, value in values.items():
        if isinstance(value, dict) and value and path + (key,) not in values_table.OPAQUE:
            yield from leaves(value, path + (key,))
        else:
            yield path + (key,)


class Values(unittest.TestCase):
    def setUp(self):
        with open(os.path.join(tools.CHART, "values.yaml"), encoding="utf-8") as text:
            self.values = yaml.safe_load(text)
        with open(os.path.join(tools.CHART, "values.schema.json"), encoding="utf-8") as text:
            self.schema = json.load(text)

    def resolve(self, schema):
        while "$ref" in schema:
            schema = self.schema["definitions"][schema["$ref"].rsplit("/", 1)[1]]
        return schema

    def test_every_value_is_in_the_schema(self):
        for path in leaves(self.values):
            schema = self.schema
            for key in path:
                schema = self.resolve(schema)
                self.assertIn(key, schema.get("properties", {}), ".".join(path))
                schema = schema["properties"][key]

    def test_the_schema_has_no_value_that_the_chart_lacks(self):
        def walk(schema, values, path):
            for key, sub in self.resolve(schema).get("properties", {}).items():
                if path + (key,) in {("global",), ("webhook", "resources", "claims"), ("reconciler", "resources", "claims")}:
                    continue
                self.assertIn(key, values, ".".join(path + (key,)))
                if isinstance(values[key], dict):
                    walk(sub, values[key], path + (key,))
        walk(self.schema, self.values, ())

    def test_a_typo_is_an_error_at_every_level(self):
        groups = {path[:-1] for path in leaves(self.values)}
        open_groups = {("webhook", "resources", "requests"), ("webhook", "resources", "limits"),
                       ("reconciler", "resources", "requests"), ("reconciler", "resources", "limits")}
        for group in sorted(groups - open_groups):
            with self.subTest(group):
                done = tools.helm("template", "x", tools.CHART, "--set", ".".join(group + ("tpyo",)) + "=1")
                self.assertNotEqual(done.returncode, 0)
                self.assertIn("tpyo", done.stderr)

    def test_wrong_values_are_refused_and_named(self):
        for setting in ("webhook.replicas=many", "modelCache.mode=both", "modelCache.size=100Gb", "modelCache.size=0Gi", "modelCache.size=500m",
                        "image.digest=abc", "image.repository=site.example/router:1.0", "image.repository=https://site.example/router",
                        "imageRegistry=https://site.example", "image.tag=-1", "runtimes={mlx-router}", "certificates.mode=magic",
                        "certificates.secret.caBundle=LS0tLS1CRUdJTi", "clusterDomain=cluster.local.", "defaultFSGroup=2147483648",
                        "nameOverride=My_Router", "fullnameOverride=my.router", "logLevel=loud", "webhook.timeoutSeconds=31",
                        "webhook.resources.limits.memory=1Gb", "besideLLMKube.serviceAccount.name="):
            with self.subTest(setting):
                done = tools.helm("template", "x", tools.CHART, "--set", setting)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn("/" + setting.split("=")[0].replace(".", "/"), done.stderr)

    def test_null_is_as_if_empty_or_named(self):
        """Helm drops a key whose value is null: nothing of that may reach an object."""
        groups = {path[:depth] for path in leaves(self.values) for depth in range(1, len(path))}
        for path in sorted(groups.union(leaves(self.values))):
            with self.subTest(".".join(path)):
                done = tools.helm("template", "x", tools.CHART, "-f", f"{tools.VALUES}/everything.yaml", "--set", ".".join(path) + "=null")
                if done.returncode:
                    self.assertRegex(done.stderr, rf"at '/?{'/'.join(path[:-1])}': missing property '{path[-1]}'")
                else:
                    self.assertNotRegex(done.stdout, r"<nil>|: null\b|- null\b")

    def test_every_value_has_a_comment(self):
        self.assertEqual(values_table.without_comment(), [])

    def test_readme_table_is_up_to_date(self):
        self.assertTrue(values_table.is_up_to_date(), "run test/chart/values_table.py")
