"""The plain recipe: MediaPipe, then ResNet-18 at 224 px in PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from serving import Image, serve  # type: ignore[import-not-found]


class PlainAdapter:
    """:class:`bench.plain.PlainRecipe`, with trained weights where they are at hand."""

    def load(self, options: dict[str, Any]) -> None:
        from bench.plain import PlainRecipe
        from edge.labels import LABELS

        self.labels = list(LABELS)
        self._recipe = PlainRecipe()
        self._config: Any = None
        folder = Path(options.get("checkpoint", ""))
        if (folder / "model_weights.pth").is_file():
            from edge.bundle import read_bundle
            from edge.engines.torch import load_network

            bundle = read_bundle(folder)
            self._config = bundle.config
            self.labels = list(bundle.config.labels)
            self._recipe.network = load_network(bundle.path("model_weights.pth"), bundle.config)

    def process(self, frame: Image) -> int:
        return self._recipe.process(frame)

    def classify(self, face: Image) -> list[float] | None:
        from edge.preprocess import resize

        if self._config is None:
            return None
        # At 224 px, a network that was trained at 64 px would be wrong for a reason that is not the recipe's.
        crop = resize(face[:, :, ::-1].copy(), self._config.input.size, self._config.crop.source_size)
        return [float(score) for score in self._recipe.read(crop)]


serve(PlainAdapter())
