"""docs/flags.md: what --help of each program says."""
import re

import sources


def names(page):
    """Section to the flags in it. The page is old when these differ; how CLI11 lays out a line depends on its version."""
    return {part.split("\n", 1)[0]: set(re.findall(r"(?<![\w-])--?[a-zA-Z][\w-]*", part.split("```text", 1)[-1]))
            for part in page.split("\n## ")[1:]}


def page():
    """None when a program is not built."""
    made = ["# Flags", "", "What `--help` of each program says; made by `docs/generate`. The chart sets them: its values are the usual way.", ""]
    for program in sources.PROGRAMS:
        commands = [[], ["serve"], ["check"]] if program == "webhook" else [[]]
        for command in commands:
            text = sources.output(program, *command, "--help")
            if text is None:
                return None
            path = sources.binary(program)
            made += [f"## {' '.join([program, *command])}", "", "```text", text.replace(path, program).strip(), "```", ""]
    return "\n".join(made)
