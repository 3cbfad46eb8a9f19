"""A mutant: a rule of the product that one process does without, as lines to be put in its place.

Mutants/ID.diff says what is broken, and then where, a patch without line numbers:

    V5: asked again, a voter refuses the candidate that it voted for

    --- Sources/Raft/RaftCore+Votes.swift
       private func isFree(for candidate: MemberID) -> Bool {
    +    if planted("V5") { return votedFor == nil }

The lines that begin with a space or with `-` are the text of an edit, which must occur exactly once
in its file; those with a space and those with `+` take its place. An empty line ends an edit. After
all edits `noticed by` may follow: the unit tests that fail with it, which `make mutants` reads.
"""

import dataclasses
import os
import re

PLANTED = re.compile(r'\bplanted\("(\w+)"\)')


class Malformed(Exception):
    pass


@dataclasses.dataclass(frozen=True)
class Edit:
    path: str  # From the top of the checkout: Sources/Raft/Entry.swift
    lines: tuple  # As written, each with its sign.
    origin: str  # Where it stands: Mutants/V5.diff:3

    @property
    def text(self):
        return "".join(line[1:] + "\n" for line in self.lines if line[0] in " -")

    @property
    def replacement(self):
        return "".join(line[1:] + "\n" for line in self.lines if line[0] in " +")

    @property
    def ids(self):
        """The mutants that it plants; none: it prepares a state for another edit."""
        added = (line for line in self.lines if line[0] == "+")
        return {id for line in added for id in PLANTED.findall(line)}

    @property
    def module(self):
        return self.path.split("/")[1]


@dataclasses.dataclass(frozen=True)
class Mutant:
    id: str
    title: str
    edits: tuple


def parse(id, content, origin):
    """*Raises* `Malformed`, which says where."""
    lines = content.split("\n")
    head, _, title = lines[0].partition(": ")
    if head != id or not title:
        raise Malformed(f"{origin}:1 does not begin with \"{id}: what it breaks\"")
    edits, edit = [], None  # `edit`: path, lines and place of the one that is open.
    for number, line in enumerate(lines[1:] + [""], 2):
        if edit is None:
            if line == "noticed by":
                break
            if line.startswith("--- "):
                edit = (line[4:], [], f"{origin}:{number}")
            elif line:
                raise Malformed(f"{origin}:{number} belongs to no edit: {line}")
        elif line == "":
            edits.append(finished(*edit))
            edit = None
        elif line[0] in " -+":
            edit[1].append(line)
        else:
            raise Malformed(f"{origin}:{number} begins with none of space, - and +: {line}")
    if not edits:
        raise Malformed(f"{origin} edits nothing")
    return Mutant(id, title, tuple(edits))


def finished(path, lines, origin):
    edit = Edit(path, tuple(lines), origin)
    if not re.fullmatch(r"Sources/\w+/[\w+/]+\.swift", path):
        raise Malformed(f"{origin} names no Swift file of Sources: {path}")
    if not edit.text:
        raise Malformed(f"{origin} has no line of the product, so it has no place")
    if edit.text == edit.replacement:
        raise Malformed(f"{origin} changes nothing")
    return edit


def read(house):
    """All of the checkout, by id."""
    folder = os.path.join(house, "Mutants")
    mutants = []
    for name in sorted(os.listdir(folder)):
        id, suffix = os.path.splitext(name)
        if suffix == ".diff":
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                mutants.append(parse(id, file.read(), f"Mutants/{name}"))
    return mutants
