"""Run by `make scripts`: python3 -m unittest discover -s Scripts -t Scripts"""

import unittest

from .figures import HEAD, Figure, between_markers, losses, merged_table, number, table


def cells(figure, commit="c0ffee"):
    return figure.cells(commit)


class FigureTests(unittest.TestCase):
    def test_a_ratio_is_of_one_pair_and_says_how_many_times_better(self):
        more = Figure("put", "puts", "", "more")
        less = Figure("put", "p50", "ms", "less")
        for ours, theirs in ((10, 5), (30, 10), (12, 12)):
            more.add(ours, theirs)
            less.add(ours, theirs)
        self.assertEqual(more.ratios, [2, 3, 1])
        self.assertEqual(less.ratios, [1 / 2, 1 / 3, 1])
        self.assertEqual(cells(more)[3], "2.00 (1.00 – 3.00)")
        self.assertEqual(cells(less)[3], "0.50 (0.33 – 1.00)")
        # The median of the ratios, and not the ratio of the medians.
        self.assertEqual(cells(more)[1:3], ["12.0", "10.0"])

    def test_zero_has_no_ratio(self):
        figure = Figure("get", "bytes", "B", "less")
        figure.add(0, 5)
        self.assertEqual(figure.ratios, [])
        self.assertEqual(cells(figure)[3], "–")

    def test_what_was_not_measured_is_a_dash(self):
        figure = Figure("x", "syncs", "")
        figure.add(None, None)
        self.assertEqual(cells(figure)[1:4], ["–", "–", "–"])

    def test_numbers_have_no_more_digits_than_were_measured(self):
        self.assertEqual([number(n) for n in (12345.6, 99.94, 1.005, 0.4)],
                         ["12,346", "99.9", "1.00", "0.40"])

    def test_what_got_worse_is_named_by_its_median(self):
        slower, same, unknown = Figure("put", "puts", ""), Figure("get", "gets", ""), Figure("x", "", "")
        for ours in (96, 90, 120):
            slower.add(ours, 100)
        for ours in (80, 97, 99):
            same.add(ours, 100)
        self.assertEqual(losses([slower, same, unknown], below=0.97),
                         ["put: puts: 0.960 of the other (0.900 to 1.200)"])

    def test_one_way_is_better(self):
        with self.assertRaises(AssertionError):
            Figure("x", "y", "", "higher")


class TableTests(unittest.TestCase):
    def figures(self, value):
        figures = [Figure("a", "first", ""), Figure("a", "second", "ms", "less")]
        for figure in figures:
            figure.add(value, 2)
        return figures

    def test_a_measured_row_replaces_its_lines_and_no_others(self):
        other = Figure("b", "other", "")
        other.add(1, 1)
        gone = Figure("gone", "gone", "")
        gone.add(1, 1)
        old = table([other, gone] + self.figures(3), "old")
        new = merged_table("text\n" + old + "more", {"a": self.figures(8)}, ["a", "b"], "new")
        self.assertEqual(new, table(self.figures(8), "new") + table([other], "old")[len(table([], "")):])
        self.assertNotIn("gone", new)

    def test_a_row_that_could_not_be_measured_keeps_its_lines(self):
        old = table(self.figures(3), "old")
        self.assertEqual(merged_table(old, {"a": []}, ["a"], "new"), old)

    def test_every_line_has_every_column(self):
        lines = table(self.figures(1), "c").splitlines()
        self.assertEqual(len(lines), 4)
        self.assertEqual({line.count("|") for line in lines}, {len(HEAD) + 1})

    def test_only_what_is_between_the_markers_changes(self):
        marks = ("<!-- a -->", "<!-- z -->")
        page = "before\n<!-- a -->\nold\n<!-- z -->\nafter\n"
        self.assertEqual(between_markers(page, "new\n", marks), page.replace("old", "new"))
        for broken in ("no markers", "<!-- z -->\n<!-- a -->", "<!-- a --><!-- a --><!-- z -->"):
            with self.assertRaises(ValueError):
                between_markers(broken, "new", marks)


if __name__ == "__main__":
    unittest.main()
