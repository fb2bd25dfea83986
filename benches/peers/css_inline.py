"""Inlines styles into a small and a large page."""

import css_inline

STYLE = "".join(f".c{number} {{ color: #{number:06x}; margin: {number}px }} " for number in range(40))
STYLE += "h1, h2 { font-weight: bold } p > b { padding: 2px } table td:nth-child(2n) { border: 1px solid } "
SMALL = f"<html><head><style>{STYLE}</style></head><body><h1 class='c1'>a</h1><p>b <b>c</b></p></body></html>"
CELLS = "".join(f"<td class='c{column}'>cell {column}</td>" for column in range(8))
ROWS = "".join(f"<tr class='c{row % 40}'>{CELLS}</tr>" for row in range(120))
LARGE = f"<html><head><style>{STYLE}</style></head><body><table>{ROWS}</table></body></html>"
INLINER = css_inline.CSSInliner()


def bench_inline_small():
    INLINER.inline(SMALL)


def bench_inline_large():
    INLINER.inline(LARGE)


def bench_inline_fragment():
    INLINER.inline_fragment("<main><h1 class='c1'>a</h1><p>b</p></main>", STYLE)
