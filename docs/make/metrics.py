"""The tables of metrics (rows of base::MetricInfo) as they stand in the sources."""
import collections
import re

import sources

Metric = collections.namedtuple("Metric", "program name type help labels")
ROW = re.compile(
    r'\{\s*(?:"(?P<name>[\w:]+)"|(?:\w+::)*(?P<constant>k\w+))\s*,\s*'
    r'(?:base::)?(?:MetricType::)?(?P<type>counter|gauge|histogram)\s*,\s*'
    r'(?P<help>(?:"(?:[^"\\]|\\.)*"\s*)+),\s*\{(?P<labels>[^{}]*)\}')
CONSTANT = re.compile(r'string_view (k\w+)\s*=\s*"([\w:]+)"')
STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')

# What llama-server itself exports for each loaded model; the agent passes it on with the label `model`.
LLAMA_SERVER = {
    "llamacpp:prompt_tokens_total": "Prompt tokens processed.",
    "llamacpp:prompt_seconds_total": "Seconds spent on prompts.",
    "llamacpp:tokens_predicted_total": "Tokens generated.",
    "llamacpp:tokens_predicted_seconds_total": "Seconds spent on generating.",
    "llamacpp:prompt_tokens_seconds": "Prompt tokens per second, on average.",
    "llamacpp:predicted_tokens_seconds": "Generated tokens per second, on average.",
    "llamacpp:requests_processing": "Requests in work.",
    "llamacpp:requests_deferred": "Requests that wait for a slot.",
    "llamacpp:n_decode_total": "Calls of llama_decode().",
    "llamacpp:n_busy_slots_per_decode": "Busy slots per decode, on average.",
}


def of_program(program):
    texts = []
    for path in sources.source_files(program):
        with open(path, encoding="utf-8") as text:
            texts.append(text.read())
    constants = {name: value for text in texts for name, value in CONSTANT.findall(text)}
    found = {}
    for text in texts:
        for row in ROW.finditer(text):
            name = row["name"] or constants.get(row["constant"])
            if name:
                found[name] = Metric(program, name, row["type"], "".join(STRING.findall(row["help"])),
                                     STRING.findall(row["labels"]))
    return list(found.values())


def all_metrics():
    return [metric for program in sources.PROGRAMS for metric in of_program(program)]


def series():
    """Names that a query may use, with what a histogram expands to."""
    names = set(LLAMA_SERVER)
    for metric in all_metrics():
        suffixes = ("_bucket", "_sum", "_count") if metric.type == "histogram" else ("",)
        names |= {metric.name + suffix for suffix in suffixes}
    return names


def page():
    made = ["# Metrics", "", "Made from the programs' tables by `docs/generate`. All are served as Prometheus text on port 8081, `/metrics`.", ""]
    for program in sources.PROGRAMS:
        rows = of_program(program)
        if not rows:
            continue
        made += [f"## {program}", "", "| metric | type | labels | what |", "| --- | --- | --- | --- |"]
        made += [f"| `{m.name}` | {m.type} | {', '.join(f'`{label}`' for label in m.labels)} | {m.help} |" for m in rows]
        made.append("")
    made += ["## llama-server, through the agent", "",
             "The agent adds the label `model`. Only loaded models have series, and a counter starts anew with each load:",
             "use `rate()`. No scrape ever loads, wakes or evicts a model.", "", "| metric | what |", "| --- | --- |"]
    made += [f"| `{name}` | {what} |" for name, what in LLAMA_SERVER.items()]
    return "\n".join(made) + "\n"
