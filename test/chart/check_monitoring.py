"""Alerts and the dashboard: they fire as promtool says, and ask only for metrics that we export."""
import json
import os
import re
import shutil
import sys
import tempfile
import unittest

import yaml

import tools

sys.path.insert(0, os.path.join(tools.ROOT, "docs", "make"))
import metrics  # noqa: E402

MONITORING = os.path.join(tools.CHART, "monitoring")
# Exported by others: the kubelet, Prometheus itself.
FOREIGN = {"kubelet_volume_stats_available_bytes", "kubelet_volume_stats_capacity_bytes", "up"}
WORDS = {"sum", "by", "rate", "increase", "min", "max", "absent", "time", "or", "and", "histogram_quantile", "label_values",
         "without", "avg", "count"}


def names_in(query):
    """Metric names in a PromQL expression: what is left without strings, label lists and functions."""
    bare = re.sub(r'"[^"]*"', "", query)
    bare = re.sub(r"\{[^}]*\}", "", bare)
    bare = re.sub(r"\b(by|without)\s*\([^)]*\)", "", bare)
    bare = re.sub(r"\[[^\]]*\]", "", bare)
    if query.startswith("label_values"):
        bare = bare.split(",")[0]
    return set(re.findall(r"[a-zA-Z_:][\w:]*", bare)) - WORDS


class Monitoring(unittest.TestCase):
    def setUp(self):
        with open(f"{MONITORING}/alerts.yaml", encoding="utf-8") as text:
            self.rules = [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]
        with open(f"{MONITORING}/dashboard.json", encoding="utf-8") as text:
            self.dashboard = json.load(text)

    def test_alerts_fire_when_they_should(self):
        promtool = tools.need("promtool", "apt-get install prometheus")
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(f"{MONITORING}/alerts.yaml", folder)
            shutil.copy(os.path.join(os.path.dirname(__file__), "alerts_test.yaml"), folder)
            for command in (["check", "rules", "alerts.yaml"], ["test", "rules", "alerts_test.yaml"]):
                done = tools.run([promtool, *command], cwd=folder)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_every_alert_is_tested(self):
        with open(os.path.join(os.path.dirname(__file__), "alerts_test.yaml"), encoding="utf-8") as text:
            tests = text.read()
        for rule in self.rules:
            self.assertIn(rule["alert"], tests)

    def test_every_alert_has_a_runbook(self):
        with open(os.path.join(tools.ROOT, "docs", "alerts.md"), encoding="utf-8") as text:
            sections = re.findall(r"^## (\S+)$", text.read(), re.MULTILINE)
        self.assertEqual(sections, [rule["alert"] for rule in self.rules])
        rendered = tools.one(tools.rendered("everything"), "PrometheusRule", "llmkube-router")
        for rule in rendered["spec"]["groups"][0]["rules"]:
            self.assertTrue(rule["annotations"]["runbook_url"].endswith("docs/alerts.md#" + rule["alert"].lower()))

    def test_alerts_ask_only_for_metrics_that_exist(self):
        self.check_names((rule["alert"], rule["expr"]) for rule in self.rules)

    def test_dashboard_asks_only_for_metrics_that_exist(self):
        queries = [(panel["title"], target["expr"]) for panel in self.dashboard["panels"]
                   for target in panel.get("targets", [])]
        queries += [(variable["name"], variable["query"]["query"]) for variable in self.dashboard["templating"]["list"]
                    if variable["type"] == "query"]
        self.assertGreater(len(queries), 15)
        self.check_names(queries)

    def check_names(self, queries):
        known = metrics.series() | FOREIGN
        for title, query in queries:
            with self.subTest(title):
                found = names_in(query)
                self.assertTrue(found)
                self.assertFalse(found - known, f"not exported by any program: {found - known}")

    def test_labels_exist_too(self):
        """The labels that a query groups by or selects on are those of the metric, or come from the scrape."""
        rows = {metric.name: set(metric.labels) for metric in metrics.all_metrics()}
        of_the_scrape = {"namespace", "service", "pod", "le", "model"}
        queries = [rule["expr"] for rule in self.rules]
        queries += [target["expr"] for panel in self.dashboard["panels"] for target in panel.get("targets", [])]
        for query in queries:
            for name, selector in re.findall(r"([a-zA-Z_:][\w:]*)\{([^}]*)\}", query):
                base = re.sub(r"_(bucket|sum|count)$", "", name)
                if base in rows:
                    used = set(re.findall(r"(\w+)\s*[=!]", selector))
                    self.assertFalse(used - rows[base] - of_the_scrape, query)
            grouped = {label.strip() for group in re.findall(r"by \(([^)]*)\)", query) for label in group.split(",")}
            allowed = of_the_scrape.union(*[rows.get(re.sub(r"_(bucket|sum|count)$", "", n), set()) for n in names_in(query)])
            self.assertFalse(grouped - allowed, query)

    def test_dashboard_queries_are_good_promql(self):
        promtool = tools.need("promtool", "apt-get install prometheus")
        queries = [target["expr"] for panel in self.dashboard["panels"] for target in panel.get("targets", [])]
        rules = [{"record": f"query_{number}", "expr": query} for number, query in enumerate(queries)]
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}, file)
            file.flush()
            done = tools.run([promtool, "check", "rules", file.name])
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_dashboard_reaches_grafana_unchanged(self):
        config_map = tools.one(tools.rendered("everything"), "ConfigMap", "llmkube-router-dashboard")
        self.assertEqual(json.loads(config_map["data"]["llmkube-router.json"]), self.dashboard)
        self.assertEqual(config_map["metadata"]["labels"]["grafana_dashboard"], "1")
