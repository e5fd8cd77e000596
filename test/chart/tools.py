"""What the chart's checks share: where the tools are, and the chart rendered to objects."""
import functools
import glob
import os
import shutil
import subprocess
import unittest

import yaml

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
CHART = os.path.join(ROOT, "charts", "llmkube-router")
VALUES = os.path.join(ROOT, "test", "chart", "values")
CACHE = os.environ.get("LLMKUBE_ROUTER_CACHE", os.path.expanduser("~/.cache/llmkube-router"))
RELEASE, NAMESPACE = "llmkube-router", "router-system"


@functools.lru_cache(None)
def tool(name):
    """Path of a command: from PATH, else from the cluster's cache (e2e/cluster/build.sh puts helm and kubeconform there)."""
    cached = sorted(glob.glob(f"{CACHE}/kubernetes-*/bin/{name}"))
    return shutil.which(name) or (cached[-1] if cached else None)


def need(name, how):
    """The path of a command, or the test is skipped with how to get it."""
    path = tool(name)
    if not path:
        raise unittest.SkipTest(f"{name} is not here: {how}")
    return path


def run(command, **more):
    return subprocess.run(command, capture_output=True, text=True, check=False, **more)


def helm(*arguments, **more):
    return run([need("helm", "e2e/cluster/build.sh builds it"), *arguments], **more)


def value_files():
    """Names of the sets of values, without .yaml."""
    return sorted(os.path.basename(path)[:-5] for path in glob.glob(f"{VALUES}/*.yaml"))


@functools.lru_cache(None)
def rendered_text(values, *settings):
    sets = [word for setting in settings for word in ("--set", setting)]
    done = helm("template", RELEASE, CHART, "-n", NAMESPACE, "-f", f"{VALUES}/{values}.yaml", *sets)
    if done.returncode:
        raise AssertionError(f"helm template with {values}: {done.stderr}")
    return done.stdout


@functools.lru_cache(None)
def rendered(values, *settings):
    """The objects of a rendered chart."""
    return tuple(o for o in yaml.safe_load_all(rendered_text(values, *settings)) if o)


def of_kind(objects, kind):
    return [o for o in objects if o["kind"] == kind]


def one(objects, kind, name):
    found = [o for o in of_kind(objects, kind) if o["metadata"]["name"] == name]
    assert len(found) == 1, f"{len(found)} objects are {kind} {name}"
    return found[0]
