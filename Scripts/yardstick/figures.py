"""What is made of measured runs: medians, ratios with their spread, and the table."""

import statistics

# What a script writes in a page, it writes between two such lines.
FIGURES = ("<!-- figures: begin (written by make bench) -->", "<!-- figures: end -->")
COUNTS = ("<!-- counts: begin (Scripts/bench-counts) -->", "<!-- counts: end -->")


class Figure:
    """One line of the table: pairs of values, ours and etcd's, measured one after the other.

    `better` says which way is better: "more" or "less". A ratio is always how many times better
    ours is. `target` is what it must be, `aim` what it should be, in words.
    """

    def __init__(self, row, text, unit, better="more", target="", aim="", digits=None):
        assert better in ("more", "less")
        self.row, self.text, self.unit, self.better = row, text, unit, better
        self.target, self.aim, self.digits = target, aim, digits
        self.ours, self.theirs = [], []

    def add(self, ours, theirs):
        """Either may be None where there is nothing to compare with."""
        if ours is not None:
            self.ours.append(ours)
        if theirs is not None:
            self.theirs.append(theirs)

    @property
    def ratios(self):
        """One a pair. A pair of zeros says nothing; a zero on one side has no ratio."""
        pairs = zip(self.ours, self.theirs)
        if self.better == "more":
            return [ours / theirs for ours, theirs in pairs if theirs > 0]
        return [theirs / ours for ours, theirs in pairs if ours > 0]

    def cells(self, commit):
        ratios = self.ratios
        spread = "–"
        if ratios:
            spread = f"{statistics.median(ratios):.2f}"
            if len(ratios) > 1:
                spread += f" ({min(ratios):.2f} – {max(ratios):.2f})"
        return [
            self.text, self.show(self.ours), self.show(self.theirs), spread, self.target, self.aim,
            commit, f"`{self.row}`",
        ]

    def show(self, values):
        if not values:
            return "–"
        text = number(statistics.median(values), self.digits)
        return f"{text} {self.unit}".strip()


def number(value, digits=None):
    """With thousands apart, and no more digits than were measured."""
    if digits is None:
        digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}"


HEAD = ["figure", "Quorate", "etcd", "times better: median (min – max)", "to reach", "aim",
        "commit", "row"]


def table(figures, commit, other="etcd"):
    """`other` heads the column of what ours is compared with."""
    head = [other if cell == "etcd" else cell for cell in HEAD]
    return lines([head, ["---"] * len(HEAD)] + [figure.cells(commit) for figure in figures])


def losses(figures, below):
    """A sentence for each figure whose median ratio is below the bound."""
    return [
        f"{figure.row}: {figure.text}: {statistics.median(figure.ratios):.3f} of the other "
        f"({min(figure.ratios):.3f} to {max(figure.ratios):.3f})"
        for figure in figures
        if figure.ratios and statistics.median(figure.ratios) < below
    ]


def lines(rows):
    return "".join("| " + " | ".join(cells) + " |\n" for cells in rows)


def merged_table(document, figures, order, commit):
    """The table in `document` with the measured rows replaced; `figures` by row. Rows that are not
    in `order` any more are dropped."""
    kept = {}
    for line in document.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) == len(HEAD) and cells[-1].startswith("`"):
            kept.setdefault(cells[-1].strip("`"), []).append(line + "\n")
    text = table([], commit)
    for row in order:
        if figures.get(row):
            text += lines(figure.cells(commit) for figure in figures[row])
        else:
            text += "".join(kept.get(row, []))
    return text


def between_markers(document, content, markers):
    """The document with `content` between the markers, which must be there once and in order."""
    begin, end = markers
    first, last = document.find(begin), document.find(end)
    if first < 0 or last < first or document.count(begin) != 1 or document.count(end) != 1:
        raise ValueError(f"no place to write to: {begin} … {end}")
    return document[: first + len(begin)] + "\n" + content.strip("\n") + "\n" + document[last:]
