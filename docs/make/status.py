"""docs/status.md: the page's text, with the tables of conditions and reasons as they stand in the sources."""
import os
import re

import sources

BEGIN, END = "<!-- {}: made by docs/generate -->", "<!-- end of {} -->"
STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
TEXT = r'((?:"(?:[^"\\]|\\.)*"\s*)+)'


def rows(file, pattern):
    with open(os.path.join(sources.ROOT, "reconciler", "reconcile", file), encoding="utf-8") as text:
        return re.findall(pattern, text.read())


def joined(literals):
    return "".join(STRING.findall(literals)).replace("|", "\\|")


def yes(word):
    return "yes" if word.startswith("k") else ""


def conditions():
    found = rows("service_reasons.cpp", r'ConditionInfo\{\s*"(\w+)",\s*' + TEXT + r"\}")
    return ["| condition | True means |", "| --- | --- |"] + [f"| `{name}` | {joined(meaning)} |" for name, meaning in found]


def service_reasons():
    found = rows("service_reasons.cpp", r'ServiceReason\{\s*"(\w+)",\s*(\w+),\s*(\w+),\s*(\w+),\s*' + TEXT + r"\}")
    made = ["| reason | meaning | somebody has to act | phase while nothing is ready |", "| --- | --- | --- | --- |"]
    return made + [f"| `{name}` | {joined(meaning)} | {yes(degrades)} | {words(phase)} |" for name, phase, degrades, _, meaning in found]


def words(phase):
    return "WaitingForGPU" if phase == "waiting_for_gpu" else phase.capitalize()


def model_reasons():
    found = rows("model_reasons.cpp", r'ModelReason\{\s*"(\w+)",\s*(\w+),\s*' + TEXT + r"\}")
    return ["| reason | state | meaning, and what to do |", "| --- | --- | --- |"] + [
        f"| `{name}` | {state.capitalize()} | {joined(meaning)} |" for name, state, meaning in found]


def events():
    found = rows("service_reasons.cpp", r'EventInfo\{\s*"(\w+)",\s*(true|false),\s*' + TEXT + r"\}")
    return ["| event | type | when |", "| --- | --- | --- |"] + [
        f"| `{name}` | {'Warning' if warning == 'true' else 'Normal'} | {joined(meaning)} |" for name, warning, meaning in found]


TABLES = {"conditions": conditions, "service reasons": service_reasons, "events": events,
          "model reasons": model_reasons}


def page():
    with open(os.path.join(sources.ROOT, "docs", "status.md"), encoding="utf-8") as text:
        made = text.read()
    for name, table in TABLES.items():
        lines = table()
        assert len(lines) > 4, f"no rows of {name} were found in the sources"
        before, begin, rest = made.partition(BEGIN.format(name))
        _, end, after = rest.partition(END.format(name))
        assert begin and end, f"docs/status.md has no place for {name}"
        made = "\n".join([before + begin, *lines, end + after])
    return made
