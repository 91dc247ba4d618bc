"""Building HTML and SVG so that what comes from outside (file names, labels, messages) can't be taken for markup."""

from __future__ import annotations

from html import escape

#: Elements that have no content and no end tag in HTML.
_VOID = {"meta", "img", "br", "col", "wbr"}


class Markup(str):
    """Text that is markup already and is not escaped again."""

    __slots__ = ()


def element(name: str, *children: str | None, **attributes: str | float | None) -> Markup:
    """Return an element.

    Args:
        name: of the element.
        children: text, which is escaped, or :class:`Markup`, which is not; None is left out.
        attributes: ``class_`` gives ``class``, ``stroke_width`` gives ``stroke-width``; numbers are rounded to a
            hundredth; None is left out.
    """
    opening = name + "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_value(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Markup(f"<{opening}>")
    return Markup(f"<{opening}>{join(*children)}</{name}>")


def join(*children: str | None) -> Markup:
    """Return the children side by side, as :func:`element` takes them."""
    return Markup("".join(child if isinstance(child, Markup) else escape(child) for child in children if child))


def coded(sentence: str) -> Markup:
    """Return a sentence in which ```names``` between backticks are set as code."""
    parts = sentence.split("`")
    return join(*(element("code", part) if index % 2 else part for index, part in enumerate(parts)))


def _value(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")
