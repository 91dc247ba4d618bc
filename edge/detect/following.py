"""A detector with memory: it searches the whole picture now and then, and follows in small windows in between.

In a frame that is not searched, the full-range network looks at windows around the faces of the frame before. What it
finds there is a detection in this frame, by the same weights at the same scale; a face that it does not find is looked
for in the whole picture at once. So nobody is reported who is not seen, and nobody is lost who is.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from edge.detect.cascade import Cascade
from edge.detect.loading import Detector
from edge.detect.network import FULL_RANGE, Network
from edge.detect.square import SIDE, Shift, Square, Values, corner_box, distance, enlarged
from edge.detect.windows import CHOICES, SIZES, Size, Window, cover, cut
from edge.tracking import overlap
from edge.types import Box, Face, Frame

Image = NDArray[np.uint8]

#: Frames from one search to the next: who comes in is seen after 0.3 s of a 30 FPS camera at the latest.
INTERVAL = 10

#: Detectors that find what the full-range network can follow: the same weights, or a near face that it knows.
FOLLOWED = frozenset({"blazeface", "blazeface-full"})

#: Windows have to agree with the search on the frame where both look, by this share of overlap of the boxes: narrow
#: ones, wide ones, and any that show the picture smaller, whose boxes differ by a rule that is learned at that moment.
_AGREE_NARROW = 0.85
_AGREE_WIDE = 0.7
_AGREE_SMALLER = 0.5

#: Narrow windows are for faces that the search is as sure of.
_SURE = 0.75

#: Frames to the next search after one that found more or fewer people than the one before, and how many times as many
#: after each that did not: people come in groups, and a camera that has just begun to look is still being turned.
_SOON = 2
_LATER = 4

#: Searches after which narrow windows are tried again where they were not good enough.
_RETRY = 8

#: Seconds between frames from which they are no sequence any more: pictures of a folder, a source that stalled.
_PATIENCE = 0.5

#: Mean change of brightness, of 255, between two frames from which they show different scenes.
_CUT = 45.0


class Following:
    """Finds the faces of a sequence of frames.

    Attributes:
        interval: frames from one search to the next; 1 searches in every frame. May be changed at any time.
        searched: whether the last frame was searched as a whole.
    """

    def __init__(
        self,
        search: Detector,
        *,
        interval: int = INTERVAL,
        min_score: float = 0.5,
        threads: int | None = None,
        follows: bool = True,
    ) -> None:
        """Take a detector; the windows' networks are loaded all at once when a sequence has a second frame.

        Args:
            search: finds faces in a whole picture.
            interval: see the class.
            min_score: least confidence of a face in a window, 0..1; the search has its own.
            threads: CPU threads of the windows' networks; None: one.
            follows: False searches in every frame, whatever the interval: for detectors of other kinds, whose boxes
                the full-range network can't continue.
        """
        self.interval = interval
        self.searched = False
        self._search = search
        self._min_score = min_score
        self._threads = threads
        self._follows = follows
        self._networks: dict[Size, Network] = {}
        self._time = -math.inf
        self._single = True
        self.reset()

    def reset(self) -> None:
        """Forget everything: the next frame is searched."""
        self._faces: list[Box] = []
        self._shifts: list[Shift] = []
        self._windows: list[Window] | None = None
        self._choice = 0
        self._searches = 0
        self._square: Square | None = None
        self._since = 0
        self._gap = _SOON
        self._empty = 0
        self._glance: NDArray[np.int16] | None = None

    def find(self, frame: Frame) -> list[Face]:
        """Return the faces of the next frame; boxes and landmarks in pixels of ``frame.image``.

        Raises:
            EdgeError: the full-range model's file is damaged.
        """
        self._single = not 0 <= frame.time - self._time <= _PATIENCE
        if self._single:
            self.reset()
        self._time = frame.time
        image = frame.image if frame.lores is None else frame.lores
        faces = self._find(image)
        return faces if frame.lores is None else enlarged(faces, image, frame.image)

    def close(self) -> None:
        """Release the windows' networks; the search is its owner's."""
        for network in self._networks.values():
            network.close()
        self._networks = {}

    def _find(self, image: Image) -> list[Face]:
        if not self._follows or self.interval <= 1:
            self.reset()
            self.searched = True
            return self._search.detect(image)
        self._since += 1
        square = Square.of(image)
        other_scene = self._scene_changed(image) or square != self._square
        self._square = square
        due = self._since >= min(self._gap, self.interval)
        missed = False
        if self._faces and not other_scene and not due and self._plan(square):
            followed = self._follow(image, square)
            if followed is not None:
                self.searched = False
                return followed
            missed = True
        self.searched = True
        self._since = 0
        return self._look(image, square, missed, due)

    def _look(self, image: Image, square: Square, missed: bool, due: bool) -> list[Face]:
        """Search the whole picture, and remember who is there.

        Args:
            image: the picture.
            square: how it lies in the square.
            missed: a window lacked a face in this frame.
            due: it was time for a search anyway.
        """
        if self._empty >= self.interval and isinstance(self._search, Cascade):
            # Nobody for a while: near and far take turns, so that an empty room costs half, and who comes in is seen
            # in that frame or the next.
            faces = self._search.alternate(image)
        else:
            faces = self._search.detect(image)
        self._empty = 0 if faces else self._empty + 1
        steady = len(faces) == len(self._faces)
        if not steady:
            self._gap = _SOON
        elif due:
            self._gap = min(_LATER * self._gap, self.interval)
        self._searches += 1
        boxes = [square.inward(face.box) for face in faces]
        if missed and all(any(distance(old, new) is not None for new in boxes) for old in self._faces):
            self._choice += 1  # everybody is still where they were, and a window is to blame
        elif self._searches % _RETRY == 0:
            self._choice = 0
        self._faces = boxes
        self._shifts = [Shift()] * len(faces)
        proved = steady and not missed and self._windows is not None
        self._windows = None
        if faces and not self._single:
            self._rehearse(image, square, min(face.score for face in faces), proved)
        return faces

    def _rehearse(self, image: Image, square: Square, score: float, proved: bool) -> None:
        """Choose windows: look through them at once, and take wider ones where they show something else.

        Also learn how boxes of windows that show the picture smaller differ from the search's. Where there is nothing
        to learn, what has been proved before is not looked at again. Where no windows will do, every frame is searched
        for a while.
        """
        if not self._networks:
            self._networks = {size: Network(FULL_RANGE, self._threads, size) for size in SIZES}
        if score < _SURE:
            self._choice = max(self._choice, 1)
        for choice in range(self._choice, len(CHOICES)):
            self._choice = choice
            windows = cover(self._faces, square.content, CHOICES[choice])
            if windows is None:
                continue
            nothing_to_learn = choice > 0 and all(window.shrink == 1 for window in windows)
            if (proved and nothing_to_learn) or all(self._agrees(image, square, window) for window in windows):
                self._windows = windows
                return
        self._choice = len(CHOICES)

    def _agrees(self, image: Image, square: Square, window: Window) -> bool:
        """Say whether a window shows what the search saw; keep the difference in size and place if it is a rule."""
        for index, found in self._seen(image, square, window).items():
            if found is None:
                return False
            box, wanted = corner_box(found[0]), self._faces[index]
            narrow = self._choice == 0
            least = _AGREE_SMALLER if window.shrink > 1 else _AGREE_NARROW if narrow else _AGREE_WIDE
            if overlap(box, wanted) < least:
                return False
            if narrow or window.shrink > 1:
                self._shifts[index] = Shift.learned(box, wanted)
        return True

    def _follow(self, image: Image, square: Square) -> list[Face] | None:
        """Return the faces found in the windows, best first; None where one is missing."""
        boxes = list(self._faces)
        faces = []
        for window in self._windows or ():
            for index, found in self._seen(image, square, window).items():
                if found is None:
                    return None
                values = self._shifts[index].applied(found[0])
                boxes[index] = corner_box(values)
                faces.append(square.outward(values, found[1]))
        self._faces = boxes
        return sorted(faces, key=lambda face: -face.score)

    def _seen(self, image: Image, square: Square, window: Window) -> dict[int, tuple[Values, float] | None]:
        """Look at a window.

        Returns:
            For each member what was found in its place: corner form in the square's pixels, and the score.
        """
        picture = cut(image, window, square.scale, square.left, square.top)
        seen: dict[int, tuple[Values, float] | None] = dict.fromkeys(window.members)
        pairs = []
        for values, score in self._networks[window.size].run(picture, self._min_score):
            values *= SIDE * window.shrink
            values[0::2] += window.x * window.shrink
            values[1::2] += window.y * window.shrink
            box = corner_box(values)
            for member in window.members:
                away = distance(self._faces[member], box)
                if away is not None:
                    pairs.append((away, member, values, score))
        taken: set[int] = set()
        for _, member, values, score in sorted(pairs, key=lambda pair: pair[:2]):
            if seen[member] is None and id(values) not in taken:
                seen[member] = values, score
                taken.add(id(values))
        return seen

    def _plan(self, square: Square) -> bool:
        """Lay new windows where a face has left the middle of its own; say whether there are any."""
        before = self._windows or ()
        if not all(window.holds(self._faces[index], square.content) for window in before for index in window.members):
            self._windows = cover(self._faces, square.content, CHOICES[self._choice])
            # What was learned of a face that now would be looked at in another size does not hold there.
            sizes, sizes_before = (
                {index: window.shrink for window in windows for index in window.members}
                for windows in (self._windows or (), before)
            )
            if sizes != sizes_before:
                self._windows = None
        return self._windows is not None

    def _scene_changed(self, image: Image) -> bool:
        """Compare a few hundred pixels with those of the frame before."""
        step = max(1, image.shape[0] // 16), max(1, image.shape[1] // 16)
        glance = image[step[0] // 2 :: step[0], step[1] // 2 :: step[1], 1].astype(np.int16)
        before, self._glance = self._glance, glance
        return before is None or before.shape != glance.shape or float(np.abs(glance - before).mean()) > _CUT
