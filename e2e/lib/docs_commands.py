#!/usr/bin/env python3
"""docs_commands.py PAGE [WORD=VALUE...] — runs the commands of a page's ```sh blocks, a block in one shell, in the folder one stands in.

WORDs are what a reader would put in (NAMESPACE=edge). Prints a line for each command, as e2e/lib/case.sh does, with what it said where SHOW
is set, and exits with 1 when one failed. Standard library only.
"""
import os
import re
import subprocess
import sys

# What cannot run on the cluster of the tests, by how the command begins.
NOT_RUN = {
    "e2e/demo": "it is its own test",
    "test/run": "this is it",
    "docker build": "e2e/images/router.sh builds the same Dockerfile",
    "kubectl create namespace": "the case's namespace stands for it",
    "kubectl -n $NS top": "needs metrics-server",
    "kubectl -n NAMESPACE patch pvc": "needs a class that can grow claims",
    "helm upgrade llmkube ": "LLMKube's chart is not here",
    "helm install llmkube-router charts/llmkube-router -n llmkube-router-system --create-namespace --wait --take-ownership":
        "case beside-llmkube",
    "model-fetch ": "the image has no shell to type it in",
    "webhook check": "test/chart runs it on every manifest of the docs",
}
SECONDS = 240
MARK = "\x1e"


def blocks(page):
    """The commands of each block, continued lines joined, comments cut."""
    with open(page, encoding="utf-8") as text:
        for block in re.findall(r"^ *```sh\n(.*?)^ *```", text.read(), re.MULTILINE | re.DOTALL):
            lines = [re.sub(r"\s+# .*$", "", line).strip() for line in re.sub(r"\\\n\s*", "", block).splitlines()]
            yield [line for line in lines if line and not line.startswith("#")]


def reason_not_to_run(command):
    return next((why for start, why in NOT_RUN.items() if command.startswith(start)), None)


def filled_in(command, words):
    for word, value in words.items():
        command = re.sub(rf"(?<![\w$.-]){re.escape(word)}(?![\w-])", lambda _: value, command)
    return command


def outcomes(commands):
    """(exit code, output) of each command, all in one shell; None for those that were not reached."""
    script = "".join(f"{{ {command}\n}} 2>&1; printf '{MARK}%s{MARK}' $?\n" for command in commands)
    script += "kill $(jobs -p) 2>/dev/null; true\n"
    with subprocess.Popen(["bash", "-c", script], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as shell:
        try:
            out, _ = shell.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            shell.kill()
            out, _ = shell.communicate()
    parts = out.split(MARK)
    done = [(int(code), text) for text, code in zip(parts[0::2], parts[1::2])]
    return done + [(None, parts[-1])] * (len(commands) - len(done))


def judged(command, code, output):
    """Whether a command did what its reader expects: a search may find nothing, a question may be answered with no."""
    return (code == 0 or (code == 1 and re.search(r"\|\s*grep [^|]*$", command) and not output)
            or (code == 1 and " auth can-i " in command and output.strip() == "no"))


def main():
    page, words = sys.argv[1], dict(word.split("=", 1) for word in sys.argv[2:])
    failed = ran = 0
    for block in blocks(page):
        commands = []
        for command in block:
            why = reason_not_to_run(command)
            if why:
                print(f"    --    {os.path.basename(page)}: {command[:100]}: not run: {why}")
            else:
                commands.append(filled_in(command, words))
        for command, (code, output) in zip(commands, outcomes(commands)):
            ran += 1
            good = judged(command, code, output)
            print(f"    {'ok   ' if good else 'FAIL '} {os.path.basename(page)}: {command[:150]}")
            if not good:
                failed += 1
                print(f"          exit code {code}\n" + "\n".join("          " + line for line in output.splitlines()[-15:]))
            elif os.environ.get("SHOW"):
                print("\n".join("          " + line for line in output.splitlines()[:25]))
    print(f"{os.path.basename(page)}: {ran} commands, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
