"""What mkdocs does not do by itself (a hook of `mkdocs.yml`).

- The reference is made from the program when the site is built: `<!-- jamd reference PAGE -->` gives way to what that command prints.
- Pages that lie beside what they describe (the examples' and the weights' READMEs, the project's own, the change log) are taken in.
- Links go from file to file of the repository, so that they work where it is read, too. Here they are led to the pages of the site; a
  link to a file that is not on it becomes its name.
- Formulas become MathML, which browsers draw without a script.
"""

from __future__ import annotations

import html
import io
import os
import re
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.structure.files import File

from jamd.cli import main

ROOT = Path(__file__).resolve().parents[1]
TAKEN = {
    "README.md": "project.md",
    "CHANGELOG.md": "changelog.md",
    "model/weights/README.md": "model-card.md",
    "packaging/systemd/README.md": "recipes/systemd.md",
    "examples/README.md": "recipes/index.md",
    **{f"examples/{path.parent.name}/README.md": f"recipes/{path.parent.name}.md" for path in (ROOT / "examples").glob("*/README.md")},
}
"""File of the repository to page of the site."""
_REFERENCE = re.compile(r"<!-- jamd reference (\w+) -->")
_LINK = re.compile(r"\[([^\]]*)\]\(([^)\s#:]+)(#[^)\s]*)?\)")
_FORMULA = re.compile(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.DOTALL)


def on_files(files: Any, config: Any) -> Any:
    for source, page in TAKEN.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    here = Path(page.file.abs_src_path).relative_to(ROOT)
    markdown = _REFERENCE.sub(lambda match: _printed("reference", match[1]), markdown)
    return _LINK.sub(lambda match: _led(match, here, page.file.src_uri), markdown)


def on_page_content(text: str, page: Any, config: Any, files: Any) -> str:
    return _FORMULA.sub(lambda match: convert(html.unescape(match[2]), display="block" if match[1] == "div" else "inline"), text)


def _printed(*arguments: str) -> str:
    with redirect_stdout(io.StringIO()) as out:
        if main(arguments) != 0:
            raise RuntimeError(f"jamd {' '.join(arguments)} failed")
    return out.getvalue()


def _led(match: re.Match[str], here: Path, page: str) -> str:
    """A link of the file `here` as one of the site's page."""
    text, target, anchor = match.groups()
    path = (ROOT / here.parent / target).resolve()
    if path.is_dir():
        path /= "README.md"
    if not path.is_relative_to(ROOT) or not path.exists():
        return match[0]
    name = path.relative_to(ROOT).as_posix()
    if name in TAKEN or name.startswith("docs/"):
        to = TAKEN.get(name, name.removeprefix("docs/"))
        return f"[{text}]({os.path.relpath(to, os.path.dirname(page) or '.')}{anchor or ''})"
    return text
