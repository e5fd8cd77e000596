#!/usr/bin/env python3
"""odd_objects.py FOLDER — writes InferenceServices and Models of every shape that the CRDs' schemas and CEL judge: the
whole union, bounds, types, nulls, quantities, enums. Names say nothing; each is a file of its own."""
import itertools
import json
import pathlib
import sys

API = "inference.llmkube.dev/v1alpha1"
ABSENT = object()
RUNTIMES = [ABSENT, "llamacpp", "vllm", "llamacpp-router", "mlx-router", "x" * 64]
MODEL_REFS = [ABSENT, "", "a"]
MODELS = [ABSENT, [], [{"name": "a"}], [{"name": f"m{i}"} for i in range(64)], [{"name": f"m{i}"} for i in range(65)]]
ROUTER = {"runtime": "llamacpp-router", "models": [{"name": "a"}]}
QUANTITIES = [1, "1", "0", "1Gb", "500m", "1e3", "1.5", 1.5, True, None, [], "-1", "1e3.5", "", " 1"]
FIELDS = [
    {"replicas": "x"}, {"replicas": 1.0}, {"replicas": 1.5}, {"replicas": 11}, {"replicas": None}, {"replicas": -1},
    {"contextSize": None}, {"contextSize": 127}, {"contextSize": 99999999999}, {"contextSize": 128}, {"nodeSelector": None},
    {"nodeSelector": {"a": None}}, {"nodeSelector": {"a": 1}}, {"nodeSelector": []}, {"podLabels": {"a": True}},
    {"models": None}, {"models": "a"}, {"models": [1]}, {"models": [None]}, {"models": [[]]}, {"models": {}},
    {"models": [{}]}, {"models": [{"name": ""}]}, {"models": [{"name": "a" * 64}]}, {"models": [{"name": None}]},
    {"models": [{"name": "a", "aliases": "x"}]}, {"models": [{"name": "a", "aliases": [""]}]},
    {"models": [{"name": "a", "gpuLayers": -2}]}, {"models": [{"name": "a", "aliases": [str(i) for i in range(17)]}]},
    {"router": []}, {"router": None}, {"router": {}}, {"router": {"maxLoadedModels": 0}}, {"router": {"preload": [1]}},
    {"router": {"scheduling": {"policy": "fair"}}}, {"router": {"scheduling": None}}, {"router": {"idleUnloadSeconds": 0}},
    {"cacheTypeK": "q8_1"}, {"cacheTypeK": ""}, {"turboQuantBits": 4}, {"turboQuantBits": 6}, {"flashAttention": "on"},
    {"ropeScaling": {"type": "yarn", "factor": "x"}}, {"ropeScaling": {"factor": "2"}}, {"autoscaling": {}},
    {"modelCache": {"claimName": ""}}, {"modelCache": {"persistence": "Ephemeral", "claimName": "a"}},
    {"resources": {"gpu": 9}}, {"resources": {"ephemeralStorage": "x"}}, {"resources": {"gpuSharing": {"mode": "partitioned"}}},
    {"resources": {"gpuSharing": {"profile": "x"}}}, {"resources": {"gpuSharing": {"memoryLimitGiB": 1}}},
    {"resources": {"gpuSharing": {"mode": "shared", "memoryLimitGiB": 1}}}, {"speculativeDecoding": {"type": "draft"}},
    {"speculativeDecoding": {"type": "ngram-mod", "draftModel": "a"}}, {"speculativeDecoding": {"type": "mtp"}},
    {"speculativeDecoding": {"type": "draft", "draftModel": "a", "draftModelRef": "b"}},
    {"speculativeDecoding": {"type": "draft-mtp", "draftModelRef": "b"}}, {"speculativeDecoding": {"type": "mtp", "pMin": 2}},
    {"env": [{}]}, {"env": [{"name": "a"}]}, {"env": "x"}, {"env": [{"name": "a", "valueFrom": {"fieldRef": {}}}]},
    {"extraVolumes": [{"name": "a", "emptyDir": {"sizeLimit": "1Gb"}}]},
    {"extraVolumes": [{"name": "a", "emptyDir": {"sizeLimit": 1}}]}, {"tolerations": [{"tolerationSeconds": "x"}]},
    {"probeOverrides": {"liveness": {"httpGet": {"port": "x"}}}}, {"probeOverrides": {"liveness": {"httpGet": {}}}},
    {"probeOverrides": {"liveness": {"httpGet": {"port": 1.5}}}}, {"slo": {"objective": "99"}}, {"slo": {}},
    {"endpoint": {"port": 0}}, {"endpoint": {"type": "clusterip"}}, {"extraArgs": [1]}, {"extraArgs": None}, {"suspend": 1},
]
GPUS = [{"resourceName": "a/b", "resourceClaims": [{"name": "x", "resourceClaimName": "y"}]},
        {"resourceClaims": [{"name": "x"}]}, {"resourceClaims": [{"resourceClaimName": "y"}]}, {"layers": -2},
        {"resourceClaims": [{"name": "x", "resourceClaimName": "y", "resourceClaimTemplateName": "z"}]},
        {"resourceName": "A"}, {"count": 9}, {"vendor": "nv"}, {}]
MODEL_SPECS = [{}, {"source": "https://h/a"}, {"source": "ftp://x y"}, {"source": 1}, {"source": None}, {"source": ""},
               {"source": "https://h/a", "sha256": "x"}, {"source": "https://h/a", "sha256": "A" * 64},
               {"source": "hf://a/b", "files": "a"}, {"source": "/a b"}, {"source": "a/b"}, {"source": "https://h/a", "format": "GGUF"},
               {"source": "https://h/a", "hardware": []}, {"source": "https://h/a", "prefetch": "yes"}]


def specs():
    for runtime, ref, models in itertools.product(RUNTIMES, MODEL_REFS, MODELS):
        spec = {"runtime": runtime, "modelRef": ref, "models": models}
        yield "InferenceService", {key: value for key, value in spec.items() if value is not ABSENT}
    for amount in QUANTITIES:
        yield "InferenceService", {**ROUTER, "resources": {"requests": {"example.com/thing": amount}}}
    for fields in FIELDS:
        yield "InferenceService", {**ROUTER, **fields}
    for odd in ["x", 1, [], None]:
        yield "InferenceService", odd
        yield "Model", odd
    for gpu in GPUS:
        yield "Model", {"source": "https://h/a.gguf", "hardware": {"gpu": gpu}}
    for spec in MODEL_SPECS:
        yield "Model", spec


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for number, (kind, spec) in enumerate(specs()):
        body = {"apiVersion": API, "kind": kind, "metadata": {"name": f"odd-{number}"}, "spec": spec}
        (folder / f"{number:03}.json").write_text(json.dumps(body))


if __name__ == "__main__":
    main()
