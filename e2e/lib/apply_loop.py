#!/usr/bin/env python3
"""apply_loop.py KUBECONFIG NAMESPACE SECONDS RATE — server-side applies of InferenceServices, RATE a second, for SECONDS.

Each changes the spec (an update that leaves it alone is not asked of the webhook), so each passes admission and is stored.
Ends early on SIGTERM. Prints how many were sent and failed, the slowest, and each failure; exits with 1 when one failed.
Standard library only.
"""
import base64
import http.client
import json
import os
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time

KUBECONFIG, NAMESPACE, SECONDS, RATE = sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4])
WORKERS = 4


def connection_settings():
    """Host, port and TLS context of the cluster that KUBECONFIG names."""
    text = subprocess.run(["kubectl", "--kubeconfig", KUBECONFIG, "config", "view", "--raw", "-o", "json"], check=True,
                          capture_output=True).stdout
    config = json.loads(text)
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    context = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
    with tempfile.NamedTemporaryFile("wb", suffix=".pem", delete=False) as file:
        file.write(base64.b64decode(user["client-certificate-data"]) + b"\n" + base64.b64decode(user["client-key-data"]))
    context.load_cert_chain(file.name)
    os.unlink(file.name)
    host, port = cluster["server"].removeprefix("https://").split(":")
    return host, int(port), context


def body(name, count):
    return json.dumps({"apiVersion": "inference.llmkube.dev/v1alpha1", "kind": "InferenceService",
                       "metadata": {"name": name},
                       "spec": {"runtime": "llamacpp-router", "models": [{"name": "absent"}], "suspend": True,
                                "replicas": count % 10}})


class Loop:
    def __init__(self):
        self.settings = connection_settings()
        self.sent, self.failures, self.slowest = 0, [], 0.0
        self.lock = threading.Lock()
        self.began = time.monotonic()
        self.ended = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: self.ended.set())

    def apply(self, connection, worker, count):
        name = f"load-{worker}-{count % 5}"
        connection.request("PATCH", f"/apis/inference.llmkube.dev/v1alpha1/namespaces/{NAMESPACE}/inferenceservices/{name}"
                           "?fieldManager=apply-loop&force=true&fieldValidation=Strict", body(name, count),
                           {"Content-Type": "application/apply-patch+yaml"})
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
        return "" if answer.status in (200, 201) else f"{answer.status} {text[:300]}"

    def work(self, worker):
        host, port, context = self.settings
        connection = http.client.HTTPSConnection(host, port, context=context, timeout=30)
        count = 0
        while (due := self.began + (count * WORKERS + worker) / RATE) < self.began + SECONDS:
            if self.ended.wait(max(0.0, due - time.monotonic())):
                break
            sent = time.monotonic()
            try:
                failure = self.apply(connection, worker, count)
            except OSError as error:
                failure = repr(error)
                connection.close()
            with self.lock:
                self.sent += 1
                self.slowest = max(self.slowest, time.monotonic() - sent)
                if failure:
                    self.failures.append(f"after {sent - self.began:.1f} s: {failure}")
            count += 1

    def run(self):
        threads = [threading.Thread(target=self.work, args=(worker,)) for worker in range(WORKERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print(f"{self.sent} applies, {len(self.failures)} failed, slowest {self.slowest:.2f} s")
        print("\n".join(self.failures[:10]))
        return 1 if self.failures else 0


sys.exit(Loop().run())
