"""Puts what a script measured into a document, between two comments that name the script."""

import re


def record(path, script, lines):
    """Replaces what `scripts/SCRIPT` wrote into the document at an earlier time; adds it at the end if it wrote nothing yet."""
    begin, end = f"<!-- scripts/{script} -->", f"<!-- end of scripts/{script} -->"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    part = "\n".join([begin, "", *lines, "", end])
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    text = pattern.sub(lambda _: part, text) if pattern.search(text) else f"{text.rstrip()}\n\n{part}\n"
    path.write_text(text, encoding="utf-8")
