"""results.md's tables between their marks, and results.svg, from the rows of `run`: the last row of each kind counts."""
import json, pathlib

NAMES = {"ours": "llmkube-router", "peer": "controller-runtime"}
COLOURS = {"ours": "#0b6e4f", "peer": "#b3541e"}


def mode_of(row):
    return "restart" if row["restart"] else "batches of %d" % row["batch"] if row["batch"] else "burst"


def read(path):
    rows = {}
    for line in path.read_text().splitlines():
        row = json.loads(line)
        rows[row["services"], mode_of(row), row["controller"]] = row
    return dict(sorted(rows.items(), key=lambda item: (item[0][0], ("burst", "batches of 50", "restart").index(item[0][1]), item[0][2])))


def number(value):
    if value == 0:
        return "0"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.3f}"


def table(head, lines):
    return "\n".join(["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)] + ["| " + " | ".join(line) + " |" for line in lines]) + "\n"


def figures(rows):
    head = ["services", "applied", "controller", "apply took, s", "last child, s after it", "all Ready, s after it", "API calls each", "writes each",
            "etcd revisions each, all writers", "CPU s", "CPU ms each", "RSS peak, MiB", "RSS settled, MiB", "at rest: writes", "at rest: threads that came to run, a second", "at rest: % of a core"]
    lines = []
    for (services, mode, name), row in rows.items():
        moved = lambda key: "" if row["restart"] else number(row[key])
        lines.append([str(services), mode, NAMES[name], moved("applied_s"), moved("children_after_apply_s"), moved("ready_after_apply_s"),
                      number(row["calls_per_service"]), number(row["writes_per_service"]), number(row["etcd_revisions_per_service_all_writers"]),
                      number(row["cpu_s"]), number(1000 * row["cpu_s"] / services), number(row["rss_peak_mib"]), number(row["rss_settled_mib"]),
                      number(row["converged_writes"]), number(row["converged_turns_per_s"]) if "converged_turns_per_s" in row else "", number(row["converged_core_percent"])])
    return table(head, lines)


def beside(rows):
    head = ["services", "applied", "controller", "of both cores busy until Ready, %", "API server, CPU s", "etcd", "kubectl", "played node", "controller ",
            "a write inside the API server, ms"]
    lines = []
    for (services, mode, name), row in rows.items():
        if row["restart"]:
            continue
        parts = [row[key] for key in ("api_server_cpu_s", "etcd_cpu_s", "kubectl_cpu_s", "played_node_cpu_s", "cpu_until_ready_s")]
        busy = 50 * sum(parts) / (row["applied_s"] + row["ready_after_apply_s"])
        lines.append([str(services), mode, NAMES[name], number(busy), *map(number, parts), number(row["write_mean_ms"])])
    return table(head, lines)


def writes(rows):
    kinds = sorted({line for row in rows.values() for line in row["writes_per_service_by_line"]})
    lines = [[str(services), mode, NAMES[name], *(number(row["writes_per_service_by_line"].get(kind, 0)) for kind in kinds)]
             for (services, mode, name), row in rows.items()]
    return table(["services", "applied", "controller", *kinds], lines)


def plot(rows):
    """Small multiples: one panel a figure, bars of both controllers over the number of services."""
    panels = [("CPU, ms for each service", lambda row: 1000 * row["cpu_s"] / row["services"]), ("RSS at its peak, MiB", lambda row: row["rss_peak_mib"]),
              ("writes for each service", lambda row: row["writes_per_service"]),
              ("last child, s after the end of the apply", lambda row: max(0, row["children_after_apply_s"])),
              ("at rest, % of a core", lambda row: row["converged_core_percent"])]
    sizes = sorted({services for services, mode, _ in rows if mode == "burst"})
    width, height, top = 220, 190, 40
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width * len(panels)}" height="{height + top + 30}" font-family="sans-serif" font-size="11">',
           '<rect width="100%" height="100%" fill="white"/>']
    for i, name in enumerate(NAMES):
        out.append(f'<rect x="{10 + 150 * i}" y="8" width="10" height="10" fill="{COLOURS[name]}"/><text x="{25 + 150 * i}" y="17">{NAMES[name]}</text>')
    for i, (title, value) in enumerate(panels):
        bars = [(size, name, value(rows[size, "burst", name])) for size in sizes for name in NAMES if (size, "burst", name) in rows]
        most = max([bar[2] for bar in bars] + [1e-9])
        left, ground = width * i + 10, top + height - 10
        out.append(f'<text x="{left}" y="{top}" font-weight="bold">{title}</text><line x1="{left}" x2="{left + width - 25}" y1="{ground}" y2="{ground}" stroke="#888"/>')
        slot = (width - 25) / max(1, len(sizes))
        for size, name, amount in bars:
            x = left + sizes.index(size) * slot + list(NAMES).index(name) * slot * 0.42
            tall = amount / most * (height - 60)
            out.append(f'<rect x="{x:.1f}" y="{ground - tall:.1f}" width="{slot * 0.38:.1f}" height="{tall:.1f}" fill="{COLOURS[name]}"/>')
            out.append(f'<text x="{x + slot * 0.19:.1f}" y="{ground - tall - 4:.1f}" text-anchor="middle" font-size="9">{number(amount)}</text>')
        for at, size in enumerate(sizes):
            out.append(f'<text x="{left + at * slot + slot * 0.4:.1f}" y="{ground + 14}" text-anchor="middle">{size}</text>')
        out.append(f'<text x="{left + (width - 25) / 2:.1f}" y="{ground + 28}" text-anchor="middle" fill="#666">services, one burst</text>')
    return "\n".join(out + ["</svg>"]) + "\n"


def write(path, folder):
    rows = read(path)
    text = (folder / "results.md").read_text()
    for mark, content in ("figures", figures(rows)), ("machine", next(iter(rows.values()))["machine"] + ".\n"), ("beside", beside(rows)), ("writes", writes(rows)):
        before, rest = text.split(f"<!-- {mark} -->\n", 1)
        text = before + f"<!-- {mark} -->\n" + content + f"<!-- end of {mark} -->\n" + rest.split(f"<!-- end of {mark} -->\n", 1)[1]
    (folder / "results.md").write_text(text)
    (folder / "results.svg").write_text(plot(rows))
