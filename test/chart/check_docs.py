"""The docs: links hold, YAML is right, generated pages are up to date."""
import glob
import os
import re
import sys
import tempfile
import unittest

import yaml

import kube_schemas
import tools

sys.path.insert(0, os.path.join(tools.ROOT, "docs", "make"))
import sources  # noqa: E402

PAGES = sorted([*glob.glob(f"{tools.ROOT}/docs/*.md"), f"{tools.ROOT}/README.md", f"{tools.CHART}/README.md"])
OURS = ("InferenceService", "Model")


def read(path):
    with open(path, encoding="utf-8") as text:
        return text.read()


def name_of(path):
    return os.path.relpath(path, tools.ROOT)


def yaml_blocks():
    """(page, text) of every YAML block."""
    for page in PAGES:
        for block in re.findall(r"^ *```yaml\n(.*?)^ *```", read(page), re.MULTILINE | re.DOTALL):
            yield name_of(page), block


def anchors(text):
    """Anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def without_foreign_yaml(text):
    return re.sub(r"```(yaml|ini|text)\n.*?```", "", text, flags=re.DOTALL)


def has_field(schema, keys):
    """Whether a CRD's schema has a field; below a map or a Kubernetes type kept open anything may follow."""
    for key in keys:
        while schema.get("type") == "array":
            schema = schema["items"]
        if key not in schema.get("properties", {}):
            return "additionalProperties" in schema
        schema = schema["properties"][key]
    return True


class Docs(unittest.TestCase):
    def test_links_lead_somewhere(self):
        for page in PAGES:
            text = re.sub(r"```.*?```", "", read(page), flags=re.DOTALL)
            for target in re.findall(r"\]\(([^)\s]+)\)", text):
                if target.startswith(("http://", "https://")):
                    continue
                path, _, anchor = target.partition("#")
                there = os.path.normpath(os.path.join(os.path.dirname(page), path)) if path else page
                with self.subTest(name_of(page), link=target):
                    self.assertTrue(os.path.exists(there))
                    if anchor:
                        self.assertIn(anchor, anchors(read(there)))

    def test_every_page_is_linked_from_the_readme(self):
        text = read(f"{tools.ROOT}/README.md")
        for page in PAGES:
            if os.path.dirname(page).endswith("/docs"):
                self.assertIn(f"docs/{os.path.basename(page)}", text)

    def test_yaml_parses(self):
        self.assertGreater(len(list(yaml_blocks())), 5)
        for page, block in yaml_blocks():
            with self.subTest(page):
                self.assertTrue(list(yaml.safe_load_all(block)))

    def test_values_in_the_docs_render(self):
        found = [(page, block) for page, block in yaml_blocks() if block.startswith("# values.yaml")]
        self.assertTrue(found)
        for page, block in found:
            with self.subTest(page), tempfile.NamedTemporaryFile("w", suffix=".yaml") as values:
                values.write(block)
                values.flush()
                done = tools.helm("template", "x", tools.CHART, "-f", values.name)
                self.assertEqual(done.returncode, 0, done.stderr)

    def our_manifests(self):
        """(where, text) of each manifest of ours in docs and examples."""
        for page, block in yaml_blocks():
            kinds = {o.get("kind") for o in yaml.safe_load_all(block) if isinstance(o, dict)}
            if kinds & set(OURS):
                yield page, block
        for path in sorted(glob.glob(f"{tools.ROOT}/examples/*.yaml")):
            yield name_of(path), read(path)

    def test_manifests_are_valid_against_the_crds(self):
        kubeconform = tools.need("kubeconform", "e2e/cluster/build.sh builds it")
        with tempfile.TemporaryDirectory() as folder:
            crds = tools.of_kind(tools.rendered("defaults"), "CustomResourceDefinition")
            kube_schemas.from_crds(crds, folder)
            for where, text in self.our_manifests():
                with self.subTest(where):
                    done = tools.run([kubeconform, "-strict", *kube_schemas.locations([folder])], input=text)
                    self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_manifests_pass_webhook_check(self):
        webhook = sources.binary("webhook")
        if not webhook:
            self.skipTest("the webhook is not built")
        for where, text in self.our_manifests():
            with self.subTest(where):
                done = tools.run([webhook, "check", "-"], input=text)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_kubernetes_objects_in_the_docs_are_valid(self):
        kubeconform = tools.need("kubeconform", "e2e/cluster/build.sh builds it")
        folder = kube_schemas.from_kubernetes()
        if not folder:
            self.skipTest("module k8s.io/kubernetes is not in Go's module cache")
        for page, block in yaml_blocks():
            for o in yaml.safe_load_all(block):
                if isinstance(o, dict) and o.get("apiVersion") in ("v1", "networking.k8s.io/v1"):
                    with self.subTest(page, kind=o["kind"]):
                        done = tools.run([kubeconform, "-strict", *kube_schemas.locations([folder])], input=yaml.safe_dump(o))
                        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_fields_named_in_the_docs_exist(self):
        """`spec.router.preload`, `.status.path` and the like, in text and in commands."""
        crds = tools.of_kind(tools.rendered("defaults"), "CustomResourceDefinition")
        schemas = [crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"] for crd in crds]
        pages = [page for page in PAGES if os.path.basename(page) not in ("fields.md", "rules.md")]
        checked = 0
        for page in pages:
            for path in re.findall(r"[`{ (.]((?:spec|status)(?:\.\w+(?:\[[\]*]*\])?)+)", without_foreign_yaml(read(page))):
                keys = re.sub(r"\[[^\]]*\]", "", path).split(".")
                if path.startswith(("spec.resources.requests.", "spec.proxy.", "spec.x")):
                    continue
                checked += 1
                with self.subTest(name_of(page), field=path):
                    self.assertTrue(any(has_field(schema, keys) for schema in schemas))
        self.assertGreater(checked, 40)

    def test_flags_named_in_the_docs_exist(self):
        flags = read(f"{tools.ROOT}/docs/flags.md")
        found = 0
        for page in PAGES:
            for block in re.findall(r"```sh\n(.*?)```", read(page), re.DOTALL):
                for line in block.replace("\\\n", " ").splitlines():
                    if line.startswith(("model-fetch ", "webhook ", "reconciler ")):
                        for flag in re.findall(r" (--?[a-z][\w-]*)", line):
                            found += 1
                            with self.subTest(name_of(page), flag=flag):
                                self.assertRegex(flags, rf"(^|[\s,]){re.escape(flag)}\b")
        self.assertGreater(found, 2)

    def test_argo_cd_health_script(self):
        lua = tools.need("lua5.4", "apt-get install lua5.4")
        block, = [block for page, block in yaml_blocks() if page.endswith("gitops.md") and "customizations.health" in block]
        script, = yaml.safe_load(block)["data"].values()
        for wanted, status, spec in (
                ("Progressing", "nil", ""),
                ("Progressing", "{observedGeneration = 1, conditions = {{type = 'Ready', status = 'True', message = ''}}}", ""),
                ("Healthy", "{observedGeneration = 2, conditions = {{type = 'Degraded', status = 'False'}, "
                            "{type = 'Ready', status = 'True', message = ''}}}", ""),
                # somebody has to act, whatever the reason is
                ("Degraded", "{observedGeneration = 2, conditions = {{type = 'Ready', status = 'False', reason = 'ImagePullFailed'}, "
                             "{type = 'Degraded', status = 'True', reason = 'ImagePullFailed', message = ''}}}", ""),
                ("Healthy", "{observedGeneration = 2, conditions = {{type = 'Degraded', status = 'True'}, "
                            "{type = 'Ready', status = 'True', message = ''}}}", ""),
                ("Progressing", "{observedGeneration = 2, conditions = {{type = 'Ready', status = 'False', reason = 'ModelsPending'}, "
                                "{type = 'Degraded', status = 'False'}}}", ""),
                ("Suspended", "{observedGeneration = 2, conditions = {{type = 'Ready', status = 'False', reason = 'Suspended'}}}",
                 "suspend = true")):
            with self.subTest(wanted, status=status):
                program = (f"obj = {{metadata = {{generation = 2}}, spec = {{{spec}}}, status = {status}}}\n"
                           f"local function health()\n{script}\nend\nprint(health().status)")
                done = tools.run([lua, "-"], input=program)
                self.assertEqual(done.stdout.strip(), wanted, done.stderr)

    def test_generated_pages_are_up_to_date(self):
        done = tools.run([os.path.join(tools.ROOT, "docs", "generate"), "--check"])
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_values_named_in_the_docs_exist(self):
        """`modelCache.mode` and the like in running text."""
        values = yaml.safe_load(read(f"{tools.CHART}/values.yaml"))
        for page in (page for page in PAGES if not page.endswith("docs/fields.md")):
            for word in re.findall(r"`((?:%s)(?:\.\w+)+)[`:= ]" % "|".join(values), read(page)):
                node = values
                with self.subTest(name_of(page), value=word):
                    for key in word.split("."):
                        self.assertIsInstance(node, dict)
                        self.assertIn(key, node)
                        node = node[key]
