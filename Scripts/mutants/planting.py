"""All mutants in one copy of the sources, each asleep until QUORATE_MUTANT names it.

The copy is a package of its own: the module `Mutants` (`planted`) is added to it, and an arrow to
that from each module with a mutant. The package that it is made of knows nothing of this.
"""

import os

FOLDERS = ("Sources", "Tests", "Mutants")

ARROWS = """
package.targets.append(.target(name: "Mutants"))
for target in package.targets where [{modules}].contains(target.name) {{
  target.dependencies.append("Mutants")
}}
"""

ADVICE = {
    "gone": "the code there has changed: name its place again, in the lines with a space or -, "
    "and see that the mutant still breaks what it says",
    "many": "add a line above or below that tells the place from the others",
    "overlap": "let each name fewer lines, or put both into one edit of either file",
}


def places(edits, sources):
    """Where each edit goes, in the order of the file: (edit, begin, end) by path; and what speaks
    against it, as sentences. `sources`: the texts of the files, by path."""
    found, faults = {}, []
    for edit in edits:
        if edit.path not in sources:
            faults.append(f"{edit.origin}: there is no {edit.path}")
            continue
        # Whole lines, so what comes before the first is an end of line.
        source = "\n" + sources[edit.path]
        text = "\n" + edit.text
        count = occurrences(text, source)
        if count == 1:
            begin = source.index(text)
            found.setdefault(edit.path, []).append((edit, begin, begin + len(edit.text)))
            continue
        advice = ADVICE["many" if count else "gone"]
        faults.append(
            f"{edit.origin}: its text occurs {count} times in {edit.path}, and must once; "
            f"{advice}:\n{edit.text}")
    for path, row in found.items():
        row.sort(key=lambda place: place[1])
        for (left, _, end), (right, begin, _) in zip(row, row[1:]):
            if begin < end:
                faults.append(
                    f"{left.origin} and {right.origin} overlap in {path}; {ADVICE['overlap']}")
    return found, faults


def occurrences(text, source):
    """Those that overlap are counted as well."""
    return sum(source.startswith(text, position) for position in positions(text[0], source))


def positions(character, source):
    position = source.find(character)
    while position >= 0:
        yield position
        position = source.find(character, position + 1)


def faults_of(mutants, sources):
    """What speaks against the list as a whole; nothing: it can be planted."""
    edits = [edit for mutant in mutants for edit in mutant.edits]
    _, faults = places(edits, sources)
    known = {mutant.id for mutant in mutants}
    named = {id: edit for edit in edits for id in edit.ids}
    faults += [f'Mutants/{id}.diff: nobody asks planted("{id}")' for id in sorted(known - set(named))]
    faults += [
        f'{named[id].origin} asks planted("{id}"), and there is no Mutants/{id}.diff'
        for id in sorted(set(named) - known)
    ]
    return faults


def planted(mutants, files, module):
    """The files of the copy. `files`: those of the package, by path; `module`: the source of
    `planted`. *Precondition*: `faults_of` finds nothing."""
    edits = [edit for mutant in mutants for edit in mutant.edits]
    found, _ = places(edits, files)
    copy = dict(files)
    for path, row in found.items():
        parts, rest = ["import Mutants\n"], 0
        for edit, begin, end in row:
            parts += [files[path][rest:begin], edit.replacement]
            rest = end
        copy[path] = "".join(parts) + files[path][rest:]
    modules = sorted({edit.module for edit in edits})
    copy["Package.swift"] += ARROWS.format(modules=listed(modules))
    copy["Sources/Mutants/planted.swift"] = module
    copy["Sources/Mutants/known.swift"] = f"""let known: Set<String> = [
  {listed(mutant.id for mutant in mutants)}
]
"""
    return copy


def listed(names):
    return ", ".join(f'"{name}"' for name in names)


def package(house):
    """The files that a build of the package and its tests read, by path."""
    files = {}
    for name in ("Package.swift", "Package.resolved"):
        if os.path.exists(os.path.join(house, name)):
            files[name] = content(house, name)
    for top in FOLDERS:
        for path in below(house, top):
            files[path] = content(house, path)
    return files


def below(house, top):
    for folder, _, names in os.walk(os.path.join(house, top)):
        for name in names:
            yield os.path.relpath(os.path.join(folder, name), house)


def content(house, path):
    with open(os.path.join(house, path), encoding="utf-8") as file:
        return file.read()


def write(files, place):
    """Makes the package at `place` these files, and touches none that is so already: a build that
    follows compiles what has changed and nothing else. Says how many it touched."""
    touched = 0
    for path, text in files.items():
        target = os.path.join(place, path)
        if os.path.exists(target) and content(place, path) == text:
            continue
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "w", encoding="utf-8") as file:
            file.write(text)
        touched += 1
    for top in FOLDERS:
        for path in list(below(place, top)):
            if path not in files:
                os.remove(os.path.join(place, path))
                touched += 1
    return touched
