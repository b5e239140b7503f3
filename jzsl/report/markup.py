"""The parts of an HTML page: the document around its body, and tables."""

from collections.abc import Sequence
from html import escape
from importlib.resources import files

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
"""No network, by the browser's own rule."""
_KINDS = {False: "text", True: "number"}


def document(title: str, body: str) -> str:
    """A whole page with its style and its script in it."""
    folder = files("jzsl.report")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{folder.joinpath('page.css').read_text()}</style></head>"
        f"<body><main>\n{body}\n</main><script>{folder.joinpath('page.js').read_text()}</script></body></html>\n"
    )


def table(caption: str, headings: Sequence[str], rows: Sequence[Sequence[str | float]], digits: int = 1) -> str:
    """A table that a click on a heading sorts; a column of numbers is flush right."""
    numeric = [
        bool(rows) and all(isinstance(row[column], int | float) for row in rows) for column in range(len(headings))
    ]

    def cell(value: str | float, is_number: bool) -> str:
        if not is_number:
            return f'<td class="text">{escape(str(value)).replace(" ± ", "&nbsp;±&nbsp;")}</td>'
        text = str(value) if isinstance(value, int) else f"{value:.{digits}f}"
        return f'<td class="number" data-value="{value}">{text}</td>'

    head = "".join(
        f'<th scope="col" class="{_KINDS[is_number]}"><button type="button">{escape(heading)}</button></th>'
        for heading, is_number in zip(headings, numeric, strict=True)
    )
    body = "".join(
        f"<tr>{''.join(cell(value, number) for value, number in zip(row, numeric, strict=True))}</tr>" for row in rows
    )
    return (
        f'<div class="table"><table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )
