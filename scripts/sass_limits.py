"""What the machine code of the kernels is like, in a file: a line per loop that sass_loops.py
prints, with NUMBERS, architecture, kind of loop and kernel."""

NUMBERS = ("/element", "blocks", "flight", "fixed", "last", "waits", "fences")
FLIGHT_MIN = 32 << 10
SLACK = 1.05  # So that another release of the compiler passes.


def read(file):
    """Per architecture, kind of loop and kernel: NUMBERS."""
    limits = {}
    with open(file, encoding="utf-8") as lines:
        for line in lines:
            if line.strip() and not line.startswith("#"):
                *numbers, arch, kind, name = line.split(None, len(NUMBERS) + 2)
                limits[int(arch), kind, name.strip()] = [float(n) for n in numbers]
    return limits


def write(file, numbers, limits):
    """Writes the numbers of the loops that limits name, below the comment of the file."""
    with open(file, encoding="utf-8") as lines:
        comment = [line for line in lines if line.startswith("#")]
    with open(file, "w", encoding="utf-8") as out:
        out.writelines(comment)
        for key in sorted(limits, key=lambda key: (key[2], key[0], key[1])):
            if key in numbers:
                per_element, *rest = numbers[key]
                cells = " ".join(f"{n:6d}" for n in rest)
                out.write(f"{per_element:5.1f} {cells} {key[0]} {key[1]:<11} {key[2]}\n")


def faults(numbers, limits):
    """What is worse or better than the limits say. Fewer blocks show in what is in flight."""
    for key, limit in limits.items():
        arch, kind, name = key
        what = f"{name}, sm_{arch}, {kind}:"
        if key not in numbers:
            yield f"{what} there is no such loop"
            continue
        for column, now, was in zip(NUMBERS, numbers[key], limit):
            if column == "blocks":
                continue
            if column == "flight":
                if 0 < now < FLIGHT_MIN:
                    yield f"{what} {now} bytes in flight, at least {FLIGHT_MIN}"
            elif now > was * SLACK:
                yield f"{what} {column} {now:.1f}, at most {was * SLACK:.1f}"
            elif now < was / SLACK:
                yield f"{what} {column} {now:.1f}, less than {was}: write that down (--write)"
