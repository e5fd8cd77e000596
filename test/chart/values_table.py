#!/usr/bin/env python3
"""values_table.py [--check] — the table of values in the chart's README.md, made from the comments in values.yaml."""
import os
import sys

import yaml

CHART = os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "charts", "llmkube-router")
BEGIN, END = "<!-- values: made by test/chart/values_table.py -->", "<!-- end of values -->"
# Groups that are shown as one value.
OPAQUE = {("webhook", "resources"), ("reconciler", "resources"), ("grafanaDashboards", "labels")}


def rows():
    """(path, default, comment) of every value, in the order of the file. A comment stands right above its key."""
    with open(os.path.join(CHART, "values.yaml"), encoding="utf-8") as text:
        lines = text.read().splitlines()
    values = yaml.safe_load("\n".join(lines))
    path, comment, hidden_below = [], [], None
    for line in lines:
        body = line.strip()
        depth = (len(line) - len(line.lstrip())) // 2
        if not body:
            comment = []
        elif body.startswith("#"):
            comment.append(body[1:].strip())
        elif hidden_below is not None and depth > hidden_below:
            continue
        else:
            hidden_below = None
            path = path[:depth] + [body.split(":", 1)[0]]
            value = values
            for key in path:
                value = value[key]
            if tuple(path) in OPAQUE:
                hidden_below = depth
            group = isinstance(value, dict) and value and tuple(path) not in OPAQUE
            yield tuple(path), None if group else value, " ".join(comment)
            comment = []


def without_comment():
    return [".".join(path) for path, _, comment in rows() if not comment]


def shown(value):
    text = yaml.safe_dump(value, default_flow_style=True, width=1000).strip().removesuffix("\n...").strip()
    return f"`{text}`"


def table():
    made = ["| value | default | what and why |", "| --- | --- | --- |"]
    for path, value, comment in rows():
        name = ".".join(path)
        made.append(f"| **{name}** | | {comment} |" if value is None else f"| `{name}` | {shown(value)} | {comment} |")
    return "\n".join(made)


def readme():
    with open(os.path.join(CHART, "README.md"), encoding="utf-8") as text:
        return text.read()


def wanted():
    before, _, rest = readme().partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def is_up_to_date():
    return readme() == wanted()


if __name__ == "__main__":
    if "--check" in sys.argv[1:]:
        sys.exit(0 if is_up_to_date() else "charts/llmkube-router/README.md is old: run test/chart/values_table.py")
    text = wanted()
    with open(os.path.join(CHART, "README.md"), "w", encoding="utf-8") as out:
        out.write(text)
