"""The look of a report: one page that brings everything it needs, light or dark as the reader's desktop is. No torch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

STYLE: Final = """
:root { color-scheme: light dark; --ground: #fbfaf8; --card: #ffffff; --ink: #1d1b19; --soft: #67615b; --rule: #e2ddd6;
  --good: #1b7348; --bad: #b3261e; --held: #0b62a8; --train: #b07d2b; --base: #6b6b6b; }
@media (prefers-color-scheme: dark) { :root { --ground: #171615; --card: #211f1e; --ink: #ece7e1; --soft: #a49d95; --rule: #3a3633;
  --good: #6fcf97; --bad: #ff8a80; --held: #6cb6ff; --train: #d9ab5c; --base: #a8a8a8; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
main { max-width: 58rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.9rem; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.6rem 0 .6rem; }
h3 { font-size: 1rem; margin: 1.4rem 0 .3rem; }
p { margin: .5rem 0; max-width: 44rem; }
.soft, .plot text { color: var(--soft); fill: var(--soft); }
.verdict { margin: 1.2rem 0; padding: 1rem 1.25rem; background: var(--card); border: 1px solid var(--rule); border-left: .4rem solid; }
.verdict strong { font-size: 1.25rem; }
.verdict ul { margin: .5rem 0 0; padding-left: 1.2rem; }
.good, td.good { border-left-color: var(--good); } .bad { border-left-color: var(--bad); } .open { border-left-color: var(--base); }
.good > strong, td.good { color: var(--good); } .bad > strong, td.bad { color: var(--bad); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; background: var(--card); }
th, td { text-align: left; vertical-align: top; padding: .5rem .7rem; border-bottom: 1px solid var(--rule); }
th { font-weight: 600; font-size: .9rem; color: var(--soft); }
td.mark { white-space: nowrap; font-weight: 600; border-left: 0; }
audio { width: 17rem; max-width: 100%; height: 2.2rem; display: block; }
.plot { width: 100%; height: auto; background: var(--card); border: 1px solid var(--rule); }
.plot text { font-size: 12px; } .plot .rule { stroke: var(--rule); }
.plot polyline { fill: none; stroke-width: 2; } .plot polyline.train { stroke: var(--train); stroke-width: 1.3; }
.plot polyline.held { stroke: var(--held); } .plot circle.held { fill: var(--held); }
.plot polyline.base { stroke: var(--base); stroke-dasharray: 6 5; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: .3rem 1.4rem; margin: .3rem 0 0; padding: 0; font-size: .9rem; }
.legend li::before { content: ""; display: inline-block; width: 1.4rem; margin-right: .45rem; vertical-align: middle;
  border-top: 3px solid; }
.legend .held::before { border-color: var(--held); } .legend .train::before { border-color: var(--train); }
.legend .base::before { border-color: var(--base); border-top-style: dashed; }
.list { padding-left: 1.2rem; font-size: .93rem; } .list li { margin: .2rem 0; overflow-wrap: anywhere; }
details { margin-top: .6rem; } summary { cursor: pointer; font-weight: 600; }
"""


def page(title: str, body: Iterable[str]) -> str:
    """A whole HTML file. `title` is plain text, the body is HTML."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(body)
        + "\n</main>\n</body>\n</html>\n"
    )


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose heads are plain text and whose cells are whole `<td>`s of HTML."""
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    lines = "\n".join(f"<tr>{''.join(cells)}</tr>" for cells in rows)
    return f'<div class="wide"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{lines}\n</tbody>\n</table></div>'


def cell(text: str, kind: str = "") -> str:
    """A `<td>` of plain text."""
    return f'<td class="{kind}">{escape(text)}</td>' if kind else f"<td>{escape(text)}</td>"


def bullets(items: Iterable[str]) -> str:
    """A list of plain texts."""
    return '<ul class="list">' + "".join(f"<li>{escape(item)}</li>" for item in items) + "</ul>"
