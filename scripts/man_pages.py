#!/usr/bin/env python3
"""Makes one man page per public name from the pages that Doxygen writes per chapter.

    scripts/man_pages.py DOXYGEN MAN3 VERSION

A chapter's page is split: each function and enumeration gets its page; the chapter keeps its text
and an overview. Other names are links to the page that says what they are. Fails if a name of the
headers is left without a page, or an enumerator without a text, which Doxygen 1.9.4 lets pass."""
import pathlib
import re
import sys

INCLUDE = pathlib.Path(__file__).resolve().parent.parent / "include"
STRUCT = re.compile(r"typedef struct (\w+) (\w+)$")


def plain(roff):
    return re.sub(r"\\f.|\\&", "", roff).strip()


def first(match):
    """The group that matched."""
    return next(filter(None, match.groups()))


def prototype(title, name):
    """In bold what is looked up; lines break between arguments only."""
    text = re.sub(rf"\b{name}\b", rf"\\fB{name}\\fP", title, count=1)
    text = re.sub(r"\* (?=\w)", "*", text)
    head, _, arguments = text.partition(" (")
    return head + "(\\:" + ", ".join(a.replace(" ", "\\ ") for a in arguments.split(", ")) + ";"


def sections(body):
    """Doxygen's lists of arguments and statuses, as the usual sections of a man page."""
    for heading, section in (("Parameters", ".SH ARGUMENTS\n"),
                             ("Returns", '.SH "RETURN VALUE"\n'),
                             ("Return values", '.SH "RETURN VALUE"\nCUBN_STATUS_SUCCESS, or\n')):
        body = body.replace(f".PP\n\\fB{heading}\\fP\n", section)
    body = re.sub(r"^\.RS 4\n|^\.RE\n(\.PP\n)?|^\.PP\n(?=\.SH)", "", body, flags=re.M)
    return re.sub(r"(?:^\.br\n)?^\\fI(\w+)\\fP ", r".TP\n.I \1\n\&", body, flags=re.M).rstrip()


def member_pages(title, body, chapter, version):
    """The page of a function or enumeration, from its part of a chapter's page."""
    name = first(re.search(r"\(\* (\w+)\)|enum (\w+)|(\w+) \(", plain(title)))
    brief, _, rest = re.sub(r"^\s*\.PP\n", "", body).partition("\\&.")
    see = sorted(set(re.findall(r"\\fB(\w+_t)\\fP", title)) - {name}) + [chapter, "cubn.h"]
    text = [f'.TH "{name}" 3 "" "cubn {version}" "cubn"\n.ad l\n.nh',
            f".SH NAME\n{name} \\- {brief}"]
    if "(" in title:
        text.append(".SH SYNOPSIS\n#include <cubn.h>\n.HP\n" + prototype(title, name))
    text += [f".SH DESCRIPTION\n{brief}\\&.{sections(rest)}",
             '.SH "SEE ALSO"\n' + " ,\n".join(f".BR {s} (3)" for s in see) + "\n"]
    pages = {name: "\n".join(text)}
    for enumerator in re.findall(r"\\fI(CUBN_\w+) \\fP\\fP\n\S", body):
        pages[enumerator] = f".so man3/{name}.3\n"
    return pages


def chapter_pages(chapter, text, version):
    text = re.sub(r'\n\.SH "?Author.*', "\n", text, flags=re.S)
    text = re.sub(r"^\.TH.*", f'.TH "{chapter}" 3 "" "cubn {version}" "cubn"', text)
    text = re.sub(r"(\.SH NAME\n.*?)(?:\\&\.)? *\n(?:\.PP\n \\- .*\n)?", r"\1\n", text, count=1)
    text = text.replace('.SH "Detailed Description"', ".SH DESCRIPTION")
    text = re.sub(r"^\.fi\n\.PP\n +", ".fi\n.PP\n", text, flags=re.M)
    if not re.fullmatch(r"cubn_[a-z0-9_]+", chapter):  # a header, or a struct
        return {chapter: text}
    overview, *parts = re.split(r'\.SH "[\w ]+ Documentation"\n\.PP ?\n', text)
    pages = {chapter: overview}
    for member in re.findall(r'^\.SS "(.*)"\n((?:(?!\.SS).*\n)*)', "".join(parts), flags=re.M):
        if not STRUCT.match(plain(member[0])):
            pages.update(member_pages(*member, chapter, version))
    for line in re.findall(r'^\.RI "((?:#define|typedef) .*)"', plain(overview), flags=re.M):
        struct = STRUCT.match(line.strip())
        link = struct[1] if struct and struct[1] != struct[2] else chapter
        name = first(re.search(r"#define (\w+)|\(\* (\w+)\)|(\w+)$", line.strip()))
        pages.setdefault(name, f".so man3/{link}.3\n")
    return pages


def public_names():
    headers = [p.read_text(encoding="utf-8") for p in INCLUDE.glob("*.h") if "cudnn" not in p.name]
    code = re.sub(r"/\*.*?\*/", "", "".join(headers), flags=re.S)
    names = re.findall(r"CUBN_API\s[^;(]*?\b(cubn\w+)\(", code)  # functions, enumerators, types
    names += re.findall(r"^  (CUBN_\w+) = ", code, flags=re.M)
    names += re.findall(r"^(?:\}|typedef .*) \*?(\w+_t);", code, flags=re.M)
    return set(names + re.findall(r"^#define (CUBN_\w+(?<!_H))\b", code, flags=re.M))


def main():
    source, target, version = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
    pages = {}
    for path in sorted(source.glob("*.3")):
        pages.update(chapter_pages(path.stem, path.read_text(encoding="utf-8"), version))
    target.mkdir(parents=True)
    for name, text in pages.items():
        (target / f"{name}.3").write_text(text, encoding="utf-8")
    missing = sorted(public_names() - set(pages))
    for name in missing:
        print(f"{name} has no man page: document it in its header", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
