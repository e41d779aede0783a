"""Draws a terminal session as SVG: `FORCE_COLOR=1 ./run demo | python3 picture.py >demo.svg`.

Understands the few SGR sequences that the demonstration uses; everything else is text.
"""

import re
import sys
from xml.sax.saxutils import escape

COLUMNS_MIN = 80
CHARACTER, LINE, MARGIN = 8.4, 19, 20
BACKGROUND, PLAIN = "#10141c", "#c8d0dc"
COLOURS = {"31": "#f07178", "32": "#a6e07a", "33": "#ffcb6b", "36": "#7fdbff"}
SEQUENCE = re.compile(r"\033\[([0-9;]*)m")


def spans(line):
    """(text, colour, bold) of the pieces of a line."""
    colour, bold, at = PLAIN, False, 0
    for sequence in SEQUENCE.finditer(line):
        yield line[at:sequence.start()], colour, bold
        for code in sequence.group(1).split(";"):
            if code in ("", "0"):
                colour, bold = PLAIN, False
            elif code == "1":
                bold = True
            elif code in COLOURS:
                colour = COLOURS[code]
        at = sequence.end()
    yield line[at:], colour, bold


def draw_line(line, y):
    x = MARGIN
    for text, colour, bold in spans(line):
        if text.strip():
            indent = len(text) - len(text.lstrip())
            weight = ' font-weight="bold"' if bold else ""
            yield (f'<text x="{x + indent * CHARACTER:.1f}" y="{y}" fill="{colour}"{weight} '
                   f'textLength="{len(text.strip()) * CHARACTER:.1f}" '
                   f'xml:space="preserve">{escape(text.strip())}</text>')
        x += len(text) * CHARACTER


def draw(session):
    lines = session.expandtabs(8).strip("\n").splitlines()
    widest = max((len(SEQUENCE.sub("", line)) for line in lines), default=0)
    width = max(widest, COLUMNS_MIN) * CHARACTER + 2 * MARGIN
    height = len(lines) * LINE + 2 * MARGIN + LINE
    yield (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}" '
           f'viewBox="0 0 {width:.0f} {height}" font-size="14" '
           'font-family="ui-monospace, DejaVu Sans Mono, Menlo, Consolas, monospace">')
    yield f'<rect width="100%" height="100%" rx="10" fill="{BACKGROUND}"/>'
    for number, colour in enumerate(("#f07178", "#ffcb6b", "#a6e07a")):
        yield f'<circle cx="{MARGIN + 4 + number * 20}" cy="{MARGIN - 2}" r="6" fill="{colour}"/>'
    for number, line in enumerate(lines):
        yield from draw_line(line, MARGIN + (number + 2) * LINE - 4)
    yield "</svg>"


if __name__ == "__main__":
    print("\n".join(draw(sys.stdin.read())))
