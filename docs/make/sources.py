"""Where the docs take their facts from: the checkout and the built programs."""
import glob
import os
import subprocess

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
CRDS = os.path.join(ROOT, "charts", "llmkube-router", "crds-generated")
# Program to the folders of its sources, and those below them that are another program's.
PROGRAMS = {
    "webhook": (["webhook"], []),
    "reconciler": (["reconciler"], ["reconciler/pod"]),
    "model-fetch": (["reconciler/pod/fetch"], []),
    "router-agent": (["reconciler/pod/agent"], []),
}


def source_files(program):
    folders, others = PROGRAMS[program]
    for folder in folders:
        for path in sorted(glob.glob(f"{ROOT}/{folder}/**/*.[ch]pp", recursive=True)):
            relative = os.path.relpath(path, ROOT)
            if not any(relative.startswith(other + "/") for other in others):
                yield path


def binary(program):
    """The newest built binary of a program, or the one that $BUILD holds; None when there is none."""
    build = os.environ.get("BUILD", f"{ROOT}/build/*")
    found = [path for path in glob.glob(f"{build}/**/{program}", recursive=True)
             if os.path.isfile(path) and os.access(path, os.X_OK)]
    return max(found, key=os.path.getmtime) if found else None


def output(program, *arguments, **more):
    path = binary(program)
    if not path:
        return None
    done = subprocess.run([path, *arguments], capture_output=True, text=True, check=False, timeout=60, **more)
    return done.stdout if done.returncode == 0 else None
