#!/usr/bin/env python3
"""Writes compile_commands.json from what make would run:

    make --dry-run ... | scripts/compile_commands.py > compile_commands.json"""
import json
import os
import re
import shlex
import sys

commands = []
for line in re.sub(r"\\\n\s*", " ", sys.stdin.read()).split("\n"):
    if " -c " not in line or not re.match(r"\S+ -", line):
        continue
    words = shlex.split(line)
    sources = [w for w in words if re.search(r"\.(c|cpp|cu)$", w) and os.path.exists(w)]
    if sources:
        commands.append({"directory": os.getcwd(), "file": sources[-1], "arguments": words})
json.dump(commands, sys.stdout, indent=1)
