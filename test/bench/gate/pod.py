"""A Pod without a cluster: a real llama-server in router mode and a router-agent before it, on loopback."""
import contextlib
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

REPO = pathlib.Path(__file__).resolve().parents[3]
CACHE = pathlib.Path(os.environ.get("LLMKUBE_ROUTER_CACHE") or pathlib.Path.home() / ".cache/llmkube-router")
# What e2e makes: Debian sid with llama.cpp-tools, and the tiny models.
ROOT = CACHE / "debian-sid-llama.cpp-tools"
# llama-server in a mount namespace of its own: /proc for its children, the Pod's folder at /mnt.
ENTER = ('mount -t proc proc "$0/proc" 2>/dev/null || mount --rbind /proc "$0/proc"; mount --bind "$1" "$0/mnt"; shift; '
         'exec chroot "$0" /usr/bin/llama-server "$@"')


# Killed from outside, the processes that were started end, too.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def models():
    """The folder of tiny models that e2e keeps."""
    found = sorted(CACHE.glob("models-*"))
    if not (ROOT / "usr/bin/llama-server").exists() or not found:
        raise SystemExit(f"needs {ROOT} and {CACHE}/models-*: e2e/demo makes them")
    return found[-1]


def until(what, condition, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if (value := condition()):
            return value
        time.sleep(0.02)
    raise TimeoutError(f"not within {seconds} s: {what}")


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Pod:
    """`sections`: name -> (GGUF file, further lines of its section)."""
    def __init__(self, build, sections, api_key="", scheduling=None, preload=("a",)):
        self.build = pathlib.Path(build)
        self.port, self.gate_port, self.agent_port = free_ports(3)
        self.key = api_key
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="gate-bench-", dir=CACHE))
        for file in {section[0] for section in sections.values()}:
            if not file.startswith("none"):
                shutil.copy(models() / file, self.folder / file)
        self.write_preset(sections)
        (self.folder / "agent.json").write_text(json.dumps(
            {"preload": list(preload), "scheduling": {"policy": "Fair", **(scheduling or {})}}))
        self.llama = self.agent = None
        env = {**os.environ, "LLAMA_API_KEY": api_key} if api_key else None
        self.agent = subprocess.Popen(
            [self.build / "reconciler/pod/agent/router-agent", "--server", f"http://127.0.0.1:{self.port}", "--config",
             self.folder / "agent.json", "--preset", self.folder / "models.ini", "--listen", f"127.0.0.1:{self.agent_port}",
             "--gate-listen", f"127.0.0.1:{self.gate_port}", "--child-logs", self.folder / "log"],
            stdout=subprocess.DEVNULL, stderr=open(self.folder / "agent.log", "w"), env=env)
        until("the agent answers", lambda: self.get("/healthz", self.agent_port)[0] == 200)
        self.start_llama()

    def start_llama(self):
        env = {**os.environ, "LLAMA_CACHE": "/mnt/cache"}
        if self.key:
            env["LLAMA_API_KEY"] = self.key
        self.llama = subprocess.Popen(
            ["unshare", "-m", "bash", "-c", ENTER, ROOT, self.folder, "--models-preset", "/mnt/models.ini", "--models-max", "1",
             "--host", "127.0.0.1", "--port", str(self.port), "--metrics"],
            stdout=open(self.folder / "llama.log", "w"), stderr=subprocess.STDOUT, env=env)
        until("llama-server answers", lambda: self.get("/health", self.port)[0] == 200)

    def write_preset(self, sections):
        text = "\n".join(f"[{name}]\nmodel = /mnt/{file}\nstop-timeout = 2\nlog-file = /mnt/log/{name}.log\n{more}"
                         for name, (file, more) in sections.items())
        part = self.folder / "models.ini.part"
        part.write_text(text)
        part.rename(self.folder / "models.ini")

    def get(self, path, port, timeout=10):
        """Status and body; 0 and the error when nothing answers."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
        try:
            connection.request("GET", path, headers=self.headers())
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except OSError as error:
            return 0, str(error)
        finally:
            connection.close()

    def headers(self):
        return {"Authorization": f"Bearer {self.key}"} if self.key else {}

    def ready(self):
        return self.get("/readyz", self.agent_port)[0] == 200

    def state(self):
        status, body = self.get("/state", self.agent_port)
        return json.loads(body) if status == 200 else {"models": [], "presetHash": ""}

    def model(self, name):
        return next((model for model in self.state()["models"] if model["name"] == name), {"state": "", "failure": None})

    def chat(self, model, tokens=4, stream=False, port=None, timeout=300, headers=None, begun=lambda: None):
        """Status and text of the answer. A stream that was cut has no [DONE] in its text; status 0: no answer. `begun` is called
        when its first byte is here."""
        connection = http.client.HTTPConnection("127.0.0.1", port or self.gate_port, timeout=timeout)
        body = json.dumps({"model": model, "max_tokens": tokens, "stream": stream,
                           "messages": [{"role": "user", "content": "x"}]})
        try:
            connection.request("POST", "/v1/chat/completions", body,
                               {"Content-Type": "application/json", **(self.headers() if headers is None else headers)})
            answer = connection.getresponse()
            text = answer.read(1)
            begun()
            try:
                text += answer.read()
            except http.client.IncompleteRead as cut:
                text += cut.partial
            return answer.status, text.decode()
        except (OSError, http.client.HTTPException) as error:
            return 0, repr(error)
        finally:
            connection.close()

    def children(self):
        """Process ids of the models' llama-servers."""
        found = []
        for thread in pathlib.Path(f"/proc/{self.llama.pid}/task").iterdir():
            with contextlib.suppress(OSError):  # a thread that has ended
                found += map(int, (thread / "children").read_text().split())
        return found

    def swaps(self):
        return len(re.findall("spawning server instance with name", (self.folder / "llama.log").read_text()))

    def agent_kib(self, what):
        """VmRSS or VmHWM of the agent."""
        status = pathlib.Path(f"/proc/{self.agent.pid}/status").read_text()
        return int(re.search(what + r":\s+(\d+) kB", status).group(1))

    def stop(self):
        for process in (self.agent, self.llama):
            if process and process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
