"""What `helm template` gives, for each set of values."""
import glob
import os
import tempfile
import unittest

import yaml

import kube_schemas
import tools
from tools import NAMESPACE, of_kind, one, rendered

# Kinds of other projects; their schemas are checked in check_foreign_kinds.py where they can be had.
FOREIGN = "ServiceMonitor,PodMonitor,PrometheusRule,Certificate,Issuer"


class Render(unittest.TestCase):
    def test_lint(self):
        for values in tools.value_files():
            with self.subTest(values):
                done = tools.helm("lint", "--strict", tools.CHART, "-f", f"{tools.VALUES}/{values}.yaml")
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_objects_are_valid_against_the_api_schemas(self):
        kubeconform = tools.need("kubeconform", "e2e/cluster/build.sh builds it")
        folder = kube_schemas.from_kubernetes()
        if not folder:
            self.skipTest("module k8s.io/kubernetes is not in Go's module cache")
        for values in tools.value_files():
            with self.subTest(values):
                done = tools.run([kubeconform, "-strict", "-summary", "-skip", FOREIGN, *kube_schemas.locations([folder])],
                                 input=tools.rendered_text(values))
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_the_schemas_catch_a_typo(self):
        kubeconform = tools.need("kubeconform", "e2e/cluster/build.sh builds it")
        folder = kube_schemas.from_kubernetes()
        if not folder:
            self.skipTest("module k8s.io/kubernetes is not in Go's module cache")
        wrong = tools.rendered_text("defaults").replace("serviceAccountName:", "serviceAcountName:")
        done = tools.run([kubeconform, "-strict", "-skip", FOREIGN, *kube_schemas.locations([folder])], input=wrong)
        self.assertIn("serviceAcountName", done.stdout)
        self.assertNotEqual(done.returncode, 0)

    def test_twice_the_same_bytes_and_no_secret_in_them(self):
        for values in tools.value_files():
            with self.subTest(values):
                first = tools.rendered_text(values)
                again = tools.helm("template", tools.RELEASE, tools.CHART, "-n", NAMESPACE, "-f",
                                   f"{tools.VALUES}/{values}.yaml").stdout
                self.assertEqual(first, again)
                self.assertNotIn("PRIVATE KEY", first)
                for secret in of_kind(rendered(values), "Secret"):
                    self.assertFalse({"data", "stringData"} & set(secret), secret["metadata"]["name"])

    def test_no_object_twice_and_every_one_labelled(self):
        for values in tools.value_files():
            seen = set()
            for o in rendered(values):
                key = (o["kind"], o["metadata"].get("namespace"), o["metadata"]["name"])
                with self.subTest(values, object=key):
                    self.assertNotIn(key, seen)
                    seen.add(key)
                    self.assertEqual(o["metadata"]["labels"]["app.kubernetes.io/part-of"], "llmkube-router")
                    self.assertLessEqual(len(o["metadata"]["name"]), 63)

    def test_pods_meet_the_restricted_standard(self):
        for values in tools.value_files():
            for o in of_kind(rendered(values), "Deployment"):
                pod = o["spec"]["template"]["spec"]
                with self.subTest(values, name=o["metadata"]["name"]):
                    self.assertTrue(pod["securityContext"]["runAsNonRoot"])
                    self.assertEqual(pod["securityContext"]["seccompProfile"], {"type": "RuntimeDefault"})
                    self.assertFalse({"hostNetwork", "hostPID", "hostIPC"} & set(pod))
                    for container in pod["containers"]:
                        self.assertEqual(container["securityContext"], {
                            "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                            "capabilities": {"drop": ["ALL"]}})
                        self.assertIn("memory", container["resources"]["limits"])
                        self.assertTrue({"livenessProbe", "readinessProbe", "startupProbe"} <= set(container))

    def test_selectors_find_their_pods(self):
        objects = rendered("everything")
        pods = [o["spec"]["template"]["metadata"]["labels"] for o in of_kind(objects, "Deployment")]
        selectors = [o["spec"]["selector"] for o in of_kind(objects, "Service")]
        selectors += [o["spec"]["selector"]["matchLabels"] for o in of_kind(objects, "PodDisruptionBudget")]
        selectors += [o["spec"]["podSelector"]["matchLabels"] for o in of_kind(objects, "NetworkPolicy")]
        self.assertEqual(len(selectors), 6)
        for selector in selectors:
            self.assertEqual(sum(selector.items() <= labels.items() for labels in pods), 1, selector)

    def test_registry_and_digest_reach_every_image(self):
        for o in of_kind(rendered("everything"), "Deployment"):
            container = o["spec"]["template"]["spec"]["containers"][0]
            images = [container["image"]] + [a.split("=", 1)[1].split("=")[-1] for a in container.get("args", [])
                                             if a.startswith(("--image=", "--runtime-image="))]
            for image in images:
                self.assertTrue(image.startswith("mirror.example:5000/edge/"), image)
            self.assertIn("@sha256:", container["image"])
        for name in ("reconciler", "webhook"):
            container = one(rendered("everything"), "Deployment", f"llmkube-router-{name}")["spec"]["template"]["spec"]["containers"][0]
            self.assertIn("--runtime-image=cuda=mirror.example:5000/edge/ggml-org/llama.cpp:server-cuda-b11669", container["args"])

    def test_names_that_yaml_takes_for_something_else(self):
        """A namespace may be called 123, and a registry may be an IPv6 address; a release's name may have dots, a Service's may not."""
        done = tools.helm("template", "r.1", tools.CHART, "-n", "123", "-f", f"{tools.VALUES}/everything.yaml", "-f", f"{tools.VALUES}/own-secret.yaml",
                          "--set", "imageRegistry=[fd00::1]:5000", "--set-string",
                          "watchNamespaces={456},nameOverride=1,webhook.priorityClassName=2,certificates.secret.name=3")
        self.assertEqual(done.returncode, 0, done.stderr)
        objects = [o for o in yaml.safe_load_all(done.stdout) if o]
        for o in objects:
            metadata = o["metadata"]
            self.assertNotIn(".", metadata["name"] if o["kind"] == "Service" else "")
            self.assertIn(metadata.get("namespace", "123"), ("123", "456"))
            for value in [*metadata["labels"].values(), *metadata.get("annotations", {}).values()]:
                self.assertIsInstance(value, str, metadata["name"])
        pod = one(objects, "Deployment", "r-1-webhook")["spec"]["template"]["spec"]
        self.assertEqual((pod["priorityClassName"], pod["volumes"][0]["secret"]["secretName"]), ("2", "3"))
        self.assertTrue(pod["containers"][0]["image"].startswith("[fd00::1]:5000/llmkube-router@sha256:"))

    def test_the_reconciler_reaches_its_pods_on_any_port(self):
        """llama-server's port under policy Direct is spec.containerPort; and the API server's is the site's."""
        for settings, ports in (((), [443, 6443]), (("networkPolicies.apiServerPorts={16443}",), [16443])):
            api, _, pods = one(rendered("everything", *settings), "NetworkPolicy", "llmkube-router-reconciler")["spec"]["egress"]
            self.assertEqual([port["port"] for port in api["ports"]], ports)
            self.assertEqual(pods["to"][0]["podSelector"]["matchLabels"], {"app.kubernetes.io/managed-by": "llmkube-router"})
            self.assertNotIn("ports", pods)

    def test_more_replicas_get_a_budget_and_are_spread(self):
        self.assertFalse(of_kind(rendered("defaults"), "PodDisruptionBudget"))
        self.assertEqual(len(of_kind(rendered("everything"), "PodDisruptionBudget")), 2)
        pod = one(rendered("everything"), "Deployment", "llmkube-router-webhook")["spec"]["template"]["spec"]
        self.assertEqual(pod["topologySpreadConstraints"][0]["topologyKey"], "kubernetes.io/hostname")
        self.assertEqual(pod["priorityClassName"], "system-cluster-critical")

    def test_beside_llmkube(self):
        objects = rendered("beside-llmkube")
        arguments = one(objects, "Deployment", "llmkube-router-reconciler")["spec"]["template"]["spec"]["containers"][0]["args"]
        self.assertEqual([a for a in arguments if a.startswith("--runtimes")], ["--runtimes=llamacpp-router"])
        policy = one(objects, "ValidatingAdmissionPolicy", "llmkube-router-status-is-ours")["spec"]
        self.assertIn("system:serviceaccount:llmkube-system:llmkube-controller-manager",
                      policy["matchConditions"][0]["expression"])
        self.assertEqual(policy["matchConstraints"]["resourceRules"][0]["resources"], ["inferenceservices/status"])
        self.assertFalse(of_kind(objects, "PriorityClass"), "LLMKube's chart makes them")

    def test_beside_llmkube_says_which_kubernetes_it_needs(self):
        for version, refused in (("1.29.15", True), ("1.30.0", False)):
            done = tools.helm("template", tools.RELEASE, tools.CHART, "--kube-version", version, "--set", "besideLLMKube.enabled=true")
            self.assertEqual("needs Kubernetes 1.30 or newer" in done.stderr, refused, version)

    def test_strategies_say_their_type(self):
        """kubectl apply sends a patch of the strategy each time where it does not, and a GitOps tool sees a difference."""
        for o in of_kind(rendered("defaults"), "Deployment"):
            self.assertIn("type", o["spec"]["strategy"], o["metadata"]["name"])

    def test_pod_template_does_not_change_with_the_chart_version(self):
        """So that an upgrade that changes no template restarts nothing."""
        for o in of_kind(rendered("defaults"), "Deployment"):
            self.assertFalse([k for k in o["spec"]["template"]["metadata"]["labels"] if "version" in k or "chart" in k])


class Webhooks(unittest.TestCase):
    def configurations(self, values):
        return [one(rendered(values), kind, "llmkube-router")
                for kind in ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")]

    def test_only_our_kinds_and_only_when_the_spec_changes(self):
        for configuration in self.configurations("defaults"):
            webhook, = configuration["webhooks"]
            self.assertEqual(webhook["rules"], [{
                "apiGroups": ["inference.llmkube.dev"], "apiVersions": ["v1alpha1"], "operations": ["CREATE", "UPDATE"],
                "resources": ["inferenceservices", "models"], "scope": "Namespaced"}])
            self.assertEqual(webhook["timeoutSeconds"], 5)
            self.assertEqual(webhook["sideEffects"], "None")
            self.assertIn("object.spec != oldObject.spec", webhook["matchConditions"][0]["expression"])

    def test_mutating_ignores_and_validating_fails(self):
        mutating, validating = self.configurations("defaults")
        self.assertEqual(mutating["webhooks"][0]["failurePolicy"], "Ignore")
        self.assertEqual(mutating["webhooks"][0]["clientConfig"]["service"]["path"], "/mutate")
        self.assertEqual(validating["webhooks"][0]["failurePolicy"], "Fail")
        self.assertEqual(validating["webhooks"][0]["clientConfig"]["service"]["path"], "/validate")

    def test_kube_system_and_own_namespace_are_never_asked(self):
        for configuration in self.configurations("namespaced"):
            expressions = configuration["webhooks"][0]["namespaceSelector"]["matchExpressions"]
            self.assertEqual(expressions[0]["operator"], "NotIn")
            self.assertEqual(set(expressions[0]["values"]), {"kube-system", NAMESPACE})
            self.assertEqual(expressions[1]["operator"], "In")
            self.assertEqual(expressions[1]["values"], ["team-a", "team-b"])

    def test_ca_bundle_is_rendered_only_for_an_own_secret(self):
        for values in ("defaults", "cert-manager"):
            for configuration in self.configurations(values):
                self.assertNotIn("caBundle", configuration["webhooks"][0]["clientConfig"])
        for configuration in self.configurations("own-secret"):
            self.assertIn("caBundle", configuration["webhooks"][0]["clientConfig"])
        for configuration in self.configurations("cert-manager"):
            self.assertEqual(configuration["metadata"]["annotations"]["cert-manager.io/inject-ca-from"],
                             f"{NAMESPACE}/llmkube-router-webhook")

    def test_an_issuer_of_yours_needs_its_name(self):
        for setting in ("kind=ClusterIssuer", "group=issuers.site.example"):
            done = tools.helm("template", tools.RELEASE, tools.CHART, "-f", f"{tools.VALUES}/cert-manager.yaml",
                              "--set", f"certificates.certManager.issuerRef.{setting}")
            self.assertNotEqual(done.returncode, 0, setting)
            self.assertIn("issuerRef.name is required", done.stderr)

    def test_cert_manager_signs_with_a_ca_that_keeps_its_key(self):
        certificates = {o["metadata"]["name"]: o["spec"] for o in of_kind(rendered("cert-manager"), "Certificate")}
        issuers = {o["metadata"]["name"]: o["spec"] for o in of_kind(rendered("cert-manager"), "Issuer")}
        serving, ca = certificates["llmkube-router-webhook"], certificates["llmkube-router-webhook-ca"]
        self.assertEqual(issuers[serving["issuerRef"]["name"]], {"ca": {"secretName": ca["secretName"]}})
        self.assertEqual((ca["isCA"], ca["privateKey"]["rotationPolicy"]), (True, "Never"))
        self.assertEqual(issuers[ca["issuerRef"]["name"]], {"selfSigned": {}})
        of_the_site = rendered("cert-manager-issuer")
        self.assertEqual([o["metadata"]["name"] for o in of_kind(of_the_site, "Certificate")], ["llmkube-router-webhook"])
        self.assertFalse(of_kind(of_the_site, "Issuer"))

    def test_the_secret_is_awaited_and_only_its_two_keys_are_mounted(self):
        for values, name in (("defaults", "llmkube-router-webhook-tls"), ("cert-manager", "llmkube-router-webhook-cert-manager"),
                             ("own-secret", "webhook-certificate")):
            pod = one(rendered(values), "Deployment", "llmkube-router-webhook")["spec"]["template"]["spec"]
            secret = pod["volumes"][0]["secret"]
            self.assertEqual(secret["secretName"], name)
            self.assertFalse(secret.get("optional", False))
            self.assertEqual([item["key"] for item in secret["items"]], ["tls.crt", "tls.key"])
            self.assertFalse(pod["automountServiceAccountToken"])

    def test_reconciler_makes_certificates_only_in_mode_self(self):
        for values, wanted in (("defaults", True), ("cert-manager", False), ("own-secret", False)):
            arguments = one(rendered(values), "Deployment", "llmkube-router-reconciler")["spec"]["template"]["spec"][
                "containers"][0]["args"]
            self.assertEqual(any(a.startswith("--webhook-secret") for a in arguments), wanted, values)


class Crds(unittest.TestCase):
    NAMES = {"inferenceservices.inference.llmkube.dev", "models.inference.llmkube.dev"}

    def test_both_are_there_and_kept_on_uninstall(self):
        crds = of_kind(rendered("defaults"), "CustomResourceDefinition")
        self.assertEqual({crd["metadata"]["name"] for crd in crds}, self.NAMES)
        for crd in crds:
            self.assertEqual(crd["metadata"]["annotations"]["helm.sh/resource-policy"], "keep")
        for crd in of_kind(rendered("defaults", "crds.keep=false"), "CustomResourceDefinition"):
            self.assertNotIn("helm.sh/resource-policy", crd["metadata"].get("annotations", {}))
        self.assertFalse(of_kind(rendered("no-extras"), "CustomResourceDefinition"))

    def test_rendering_changes_nothing_in_the_spec(self):
        crds = of_kind(rendered("defaults"), "CustomResourceDefinition")
        self.assertEqual(len(crds), 2)
        for crd in crds:
            with open(os.path.join(tools.CHART, "crds-generated", self.file_of(crd)), encoding="utf-8") as text:
                self.assertEqual(crd["spec"], yaml.safe_load(text)["spec"])

    def file_of(self, crd):
        for path in glob.glob(f"{tools.CHART}/crds-generated/*.yaml"):
            with open(path, encoding="utf-8") as text:
                if yaml.safe_load(text)["metadata"]["name"] == crd["metadata"]["name"]:
                    return os.path.basename(path)
        raise AssertionError(crd["metadata"]["name"])

    def test_the_release_fits_in_its_secret(self):
        """Helm keeps the chart and the manifest, gzipped, in one Secret of at most 1 MiB."""
        with tempfile.TemporaryDirectory() as folder:
            done = tools.helm("package", tools.CHART, "-d", folder)
            self.assertEqual(done.returncode, 0, done.stderr)
            packed = os.path.getsize(os.path.join(folder, os.listdir(folder)[0]))
        self.assertLess(packed, 250_000)
