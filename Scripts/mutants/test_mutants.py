"""Run by `make scripts`: python3 -m unittest discover -s Scripts -t Scripts"""

import os
import tempfile
import unittest

from . import planting
from .mutant import Malformed, parse, read

HOUSE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

VOTES = "Sources/Raft/Votes.swift"
SOURCE = """func isFree() -> Bool {
  return votedFor == nil || isSame
}

func other() {
  return votedFor == nil || isSame
}
"""
V5 = f"""V5: a vote is given once

--- {VOTES}
 func isFree() -> Bool {{
-  return votedFor == nil || isSame
+  return votedFor == nil || isSame && !planted("V5")
"""


def mutant(content, id="V5"):
    return parse(id, content, f"Mutants/{id}.diff")


class HouseTests(unittest.TestCase):
    """What a change of the product may undo."""

    def test_every_mutant_of_the_house_has_its_place(self):
        mutants = read(HOUSE)
        self.assertGreater(len(mutants), 80)
        faults = planting.faults_of(mutants, planting.package(HOUSE))
        self.assertEqual(faults, [], "\n".join(faults))


class ParseTests(unittest.TestCase):
    def test_a_text_and_what_takes_its_place(self):
        edit, = mutant(V5).edits
        lines = SOURCE.split("\n")
        self.assertEqual(edit.text, f"{lines[0]}\n{lines[1]}\n")
        self.assertEqual(edit.replacement, f'{lines[0]}\n{lines[1]} && !planted("V5")\n')
        self.assertEqual((edit.ids, edit.module), ({"V5"}, "Raft"))

    def test_an_empty_line_ends_an_edit_and_those_that_notice_end_the_edits(self):
        twice = V5 + f"\n--- {VOTES}\n func other() {{\n+  log()\n\nnoticed by\n  RaftTests.`a`/b()\n"
        self.assertEqual([len(edit.lines) for edit in mutant(twice).edits], [3, 2])

    def test_what_is_malformed_is_told_with_its_line(self):
        for content, sentence in (
            (V5.replace("V5:", "V6:"), 'V5.diff:1 does not begin with "V5: what it breaks"'),
            (V5.replace("-  return", "return"), "V5.diff:5 begins with none of space, - and +"),
            (V5.replace("\n-  return", "\n\n-  return"), "V5.diff:3 changes nothing"),
            (V5 + "\nand so on", "V5.diff:8 belongs to no edit: and so on"),
            (V5.replace("Sources", "Tests"), "V5.diff:3 names no Swift file of Sources"),
            (f"V5: x\n\n--- {VOTES}\n+  a()\n", "V5.diff:3 has no line of the product"),
            ("V5: x\n", "V5.diff edits nothing"),
        ):
            with self.assertRaises(Malformed) as raised:
                mutant(content)
            self.assertIn(sentence, str(raised.exception))


class PlantingTests(unittest.TestCase):
    def faults(self, *contents):
        mutants = [mutant(content, content.split(":")[0]) for content in contents]
        return planting.faults_of(mutants, {VOTES: SOURCE})

    def test_a_sound_one_has_no_fault(self):
        self.assertEqual(self.faults(V5), [])

    def test_a_text_that_is_gone(self):
        fault, = self.faults(V5.replace(" func isFree()", " func isFree(for: Int)"))
        self.assertTrue(fault.startswith(
            f"Mutants/V5.diff:3: its text occurs 0 times in {VOTES}, and must once; the code there"))
        self.assertTrue(fault.endswith(":\nfunc isFree(for: Int) -> Bool {\n"
                                       "  return votedFor == nil || isSame\n"))

    def test_a_text_that_occurs_twice(self):
        fault, = self.faults(V5.replace(" func isFree() -> Bool {\n", ""))
        self.assertIn("occurs 2 times", fault)
        self.assertIn("add a line above or below", fault)

    def test_only_whole_lines_count(self):
        fault, = self.faults(V5.replace(" func isFree() -> Bool {\n", " isFree() -> Bool {\n"))
        self.assertIn("occurs 0 times", fault)

    def test_occurrences_that_overlap_are_counted(self):
        self.assertEqual(planting.occurrences("\na\na\n", "\na\na\na\n"), 2)

    def test_two_that_overlap(self):
        other = V5.replace("V5", "V6")
        fault, = self.faults(V5, other)
        self.assertIn(f"Mutants/V5.diff:3 and Mutants/V6.diff:3 overlap in {VOTES}", fault)

    def test_two_that_touch_do_not_overlap(self):
        below = f"V6: x\n\n--- {VOTES}\n }}\n \n"  # An empty line of the product has its space.
        self.assertEqual(
            self.faults(V5, below + '+planted("V6")\n func other() {\n'), [])

    def test_two_may_share_an_edit(self):
        shared = V5.replace('!planted("V5")', '!planted("V5") && planted("V6")')
        also = f'V6: x\n\n--- {VOTES}\n func other() {{\n+  if planted("V6") {{}}\n'
        self.assertEqual(self.faults(shared, also), [])

    def test_an_id_without_a_file_and_a_file_without_its_id(self):
        fault, other = self.faults(V5.replace('planted("V5")', 'planted("V6")'))
        self.assertEqual(fault, 'Mutants/V5.diff: nobody asks planted("V5")')
        self.assertEqual(
            other, 'Mutants/V5.diff:3 asks planted("V6"), and there is no Mutants/V6.diff')

    def test_a_file_that_is_gone(self):
        self.assertEqual(
            self.faults(V5.replace("Votes.swift", "Vote.swift")),
            ["Mutants/V5.diff:3: there is no Sources/Raft/Vote.swift"])

    def test_the_copy_has_the_mutants_their_module_and_the_arrow_to_it(self):
        files = {VOTES: SOURCE, "Sources/Raft/Log.swift": "let a = 1\n", "Package.swift": "…\n"}
        copy = planting.planted([mutant(V5)], files, "the module")
        self.assertEqual(
            copy[VOTES],
            "import Mutants\n" + SOURCE.replace("isSame", 'isSame && !planted("V5")', 1))
        self.assertEqual(copy["Sources/Raft/Log.swift"], "let a = 1\n")
        self.assertIn('where ["Raft"].contains(target.name)', copy["Package.swift"])
        self.assertEqual(copy["Sources/Mutants/planted.swift"], "the module")
        self.assertEqual(
            copy["Sources/Mutants/known.swift"], 'let known: Set<String> = [\n  "V5"\n]\n')

    def test_writing_again_touches_only_what_has_changed(self):
        with tempfile.TemporaryDirectory() as place:
            files = {"Package.swift": "a", "Sources/A/a.swift": "a", "Sources/B/b.swift": "b"}
            self.assertEqual(planting.write(files, place), 3)
            stamp = os.stat(os.path.join(place, "Sources/A/a.swift")).st_mtime_ns
            self.assertEqual(planting.write(files, place), 0)
            changed = {"Package.swift": "a", "Sources/A/a.swift": "a", "Tests/C/c.swift": "c"}
            self.assertEqual(planting.write(changed, place), 2)
            self.assertEqual(os.stat(os.path.join(place, "Sources/A/a.swift")).st_mtime_ns, stamp)
            self.assertFalse(os.path.exists(os.path.join(place, "Sources/B/b.swift")))


if __name__ == "__main__":
    unittest.main()
