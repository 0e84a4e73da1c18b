"""Draws what a terminal showed as SVG: one still, several stills, or a film.

Every word is placed on its own column, and lines and bars are shapes, so that a picture is aligned
whatever fonts its reader has.
"""

from xml.sax.saxutils import escape

from recorder import Cell

CELL, LINE, FONT, MARGIN = 8.4, 19, 14, 14
FONTS = "ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,'Liberation Mono',monospace"
BACKGROUND, TEXT = "#14181f", "#d8dee6"
COLORS = {
    "default": TEXT,
    "red": "#ff7b72",
    "green": "#7ee787",
    "brown": "#e3b341",  # what pyte calls yellow
    "blue": "#79c0ff",
    "magenta": "#d2a8ff",
    "cyan": "#56d4dd",
    "white": "#f0f6fc",
}
FAINT = 0.5
# The last frame stays this long before a film starts over.
HOLD_SECONDS = 4

# Characters that bars are made of: part of the cell that is filled, thickness.
STROKES = {"━": (1.0, 3.2), "╸": (0.5, 3.2), "─": (1.0, 1.4)}


def still(rows, columns, title):
    """One screen."""
    return stills([rows], columns, title)


def stills(screens, columns, title):
    """Several screens, one below the other."""
    body, y = [], 0
    for number, rows in enumerate(screens):
        if number:
            y += LINE
            line = f"M{-MARGIN / 2:g} {y - LINE / 2:g}H{columns * CELL + MARGIN / 2:g}"
            body.append(f'<path d="{line}" stroke="{TEXT}" stroke-opacity=".2"/>')
        for row in used(rows):
            body.append(draw_row(row, y))
            y += LINE
    return document(body, columns, y, title)


def film(recording, poster, title):
    """A whole run. Where nothing moves, it shows the screen at the time `poster`."""
    total = recording.length() + HOLD_SECONDS
    height = max(len(used(rows)) for _, rows in recording.frames)
    body, rules = [], []
    for y in range(height):
        for start, end, row in spells(recording.frames, y, total):
            if not any(cell.text.strip() for cell in row):
                continue
            drawn = draw_row(row, y * LINE)
            if (start, end) != (0, total):
                name = f"f{len(rules)}"
                hidden = "" if start <= poster < end else ' visibility="hidden"'
                drawn = f'<g class="{name}"{hidden}>{drawn}</g>'
                rules.append(rule(name, start / total, end / total, total))
            body.append(drawn)
    style = "@media (prefers-reduced-motion:no-preference){%s}" % "".join(rules)
    return document(body, recording.columns, height * LINE, title, style)


def spells(frames, y, total):
    """For how long row `y` showed what: (from, to, row)."""
    found = []
    for time, rows in frames:
        if not found or found[-1][1] != rows[y]:
            found.append((time if found else 0, rows[y]))
    ends = [start for start, _ in found[1:]] + [total]
    return [(start, end, row) for (start, row), end in zip(found, ends)]


def rule(name, start, end, total):
    steps = [] if start == 0 else ["0%{visibility:hidden}"]
    steps.append(f"{start * 100:.2f}%{{visibility:visible}}")
    if end < 1:
        steps.append(f"{end * 100:.2f}%{{visibility:hidden}}")
    animation = f".{name}{{animation:{name} {total:.1f}s step-end infinite}}"
    return f"@keyframes {name}{{{''.join(steps)}}}{animation}"


def used(rows):
    """The rows down to the last that shows anything."""
    kept = list(rows)
    while len(kept) > 1 and not any(cell.text.strip() for cell in kept[-1]):
        kept.pop()
    return kept


def draw_row(row, y):
    """The shapes and words of one row whose top is at `y`."""
    shapes, words, x = [], [], 0
    while x < len(row):
        end = x + 1
        # A word is a run of narrow characters in one style; wide ones stand alone.
        if not is_alone(row, x):
            while end < len(row) and alike(row, x, end):
                end += 1
        text = "".join(cell.text for cell in row[x:end])
        if row[x].text in STROKES:
            shapes.append(stroke(row[x], x, end, y))
        elif text.strip():
            words.append(word(row[x], text, x, end - x + is_wide(row, x)))
        x = end
    if words:
        shapes.append(f'<text y="{y + LINE * 0.72:g}">{"".join(words)}</text>')
    return "".join(shapes)


def is_wide(row, x):
    return x + 1 < len(row) and row[x + 1].text == ""


def is_alone(row, x):
    return row[x].text in ("", " ") or is_wide(row, x)


def alike(row, x, end):
    first, cell = row[x], row[end]
    if is_alone(row, end) or (first.text in STROKES or cell.text in STROKES) and first != cell:
        return False
    return look(first) == look(cell)


def look(cell):
    return (cell.color, cell.bold, cell.faint)


def style(cell):
    # pyte gives colours beyond the first sixteen as six hexadecimal digits.
    color = COLORS.get(cell.color, f"#{cell.color}" if len(cell.color) == 6 else TEXT)
    return f' fill="{color}"' + (f' fill-opacity="{FAINT}"' if cell.faint else "")


def word(cell, text, x, columns):
    weight = ' font-weight="bold"' if cell.bold else ""
    length = f' textLength="{columns * CELL:g}" lengthAdjust="spacingAndGlyphs"'
    color = "" if cell == Cell(cell.text, bold=cell.bold) else style(cell)
    return f'<tspan x="{x * CELL:g}"{length}{color}{weight}>{escape(text)}</tspan>'


def stroke(cell, x, end, y):
    part, thickness = STROKES[cell.text]
    width = (end - x - 1 + part) * CELL
    top = y + (LINE - thickness) / 2
    return (
        f'<rect x="{x * CELL:g}" y="{top:g}" width="{width:g}" height="{thickness:g}"'
        f"{style(cell)}/>"
    )


def document(body, columns, height, title, animation=""):
    width, height = columns * CELL + 2 * MARGIN, height + 2 * MARGIN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}"'
        f' width="{width:g}" height="{height:g}" role="img">'
        f"<title>{escape(title)}</title>"
        f"<style>text{{font:{FONT}px {FONTS};fill:{TEXT};white-space:pre}}{animation}</style>"
        f'<rect width="{width:g}" height="{height:g}" rx="8" fill="{BACKGROUND}"/>'
        f'<g transform="translate({MARGIN} {MARGIN})">\n' + "\n".join(body) + "\n</g></svg>\n"
    )
