"""The faces on which an int8 file and the checkpoint disagree most, and what each says."""

from __future__ import annotations

from collections.abc import Sequence

from edge.markup import Markup, element, join
from edge.svg import minus
from quantize.record import Answer, Face


def gallery(faces: Sequence[Face]) -> Markup:
    """Return a card a face: the picture, its label, and both answers."""
    return element("div", *(_card(face) for face in faces), class_="faces")


def _card(face: Face) -> Markup:
    truth = "" if face.truth is None else f", labelled {face.truth}"
    answers = element(
        "table",
        element(
            "thead",
            element(
                "tr",
                element("th", element("span", "network", class_="unseen"), scope="col"),
                element("th", "emotion", scope="col"),
                *(element("th", head, scope="col", class_="n") for head in ("%", "val.", "aro.")),
            ),
        ),
        element(
            "tbody",
            _answer("checkpoint", face.checkpoint, face.truth),
            _answer("this file", face.file, face.truth, changed=face.file.label != face.checkpoint.label),
        ),
    )
    about = join(
        "unlabelled" if face.truth is None else join("label ", element("b", face.truth)),
        element("span", f" · image {face.index} · distance {face.distance:.2f}", class_="faint"),
    )
    return element(
        "article",
        element("img", src=f"data:image/png;base64,{face.png}", alt=f"Face {face.index}{truth}", class_="face"),
        element("div", element("p", about), answers),
    )


def _answer(who: str, answer: Answer, truth: str | None, changed: bool = False) -> Markup:
    right = answer.label == truth
    mark = element("span", " ✓", title="as labelled", class_="good") if right else None
    return element(
        "tr",
        element("th", who, scope="row"),
        element("td", element("b", answer.label) if changed else answer.label, mark),
        element("td", f"{100 * answer.probability:.0f}", class_="n"),
        element("td", minus(f"{answer.valence:+.2f}"), class_="n"),
        element("td", minus(f"{answer.arousal:+.2f}"), class_="n"),
    )
