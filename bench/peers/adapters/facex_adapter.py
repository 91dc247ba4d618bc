"""The package ``facex``."""

from __future__ import annotations

from typing import Any

from serving import Image, serve  # type: ignore[import-not-found]


class FacexAdapter:
    """``facex.core.EmotionClassifier``."""

    def load(self, options: dict[str, Any]) -> None:
        from pathlib import Path

        import facex.core  # type: ignore[import-not-found]

        model = Path(facex.core.__file__).parent / "assets" / "model_optimized.tflite"
        self._classifier = facex.core.EmotionClassifier(str(model))
        self.labels = list(self._classifier.category)

    def process(self, frame: Image) -> int:
        return len(self._classifier.predict(frame))

    def classify(self, face: Image) -> list[float]:
        scores = self._classifier.detect_emotion(self._classifier._preprocess_frame(face))
        return [float(scores[label]) for label in self.labels]


serve(FacexAdapter())
