"""The peers, with what is known about each. Packages that fetch their weights elsewhere are in docs/benchmarking.md."""

from __future__ import annotations

from bench.peers.peer import Home, Peer
from edge.labels import LABELS

#: Names that FER2013's seven classes go by in most packages.
FER2013 = {
    "angry": "anger",
    "disgust": "disgust",
    "fear": "fear",
    "happy": "happiness",
    "sad": "sadness",
    "surprise": "surprise",
    "neutral": "neutral",
}

#: The classes of face-api.js' expression net.
FACE_API = {
    "neutral": "neutral",
    "happy": "happiness",
    "sad": "sadness",
    "angry": "anger",
    "fearful": "fear",
    "disgusted": "disgust",
    "surprised": "surprise",
}

#: train_emotion_classifier.py and datasets.py of github.com/oarriaga/face_classification: ``split_data`` takes the
#: first 80 % of fer2013.csv, which are its 28,709 "Training" rows; the checkpoint that is best on the rest is kept.
ARRIAGA = (
    "Arriaga's mini-Xception; his program trains on FER2013's training images and keeps the checkpoint that is best on "
    "PublicTest and PrivateTest together: FER+ validation is PublicTest, so it helped to choose these weights"
)

#: This toolkit's own.
OURS = {label: label for label in LABELS}

HERE = Home()
FER_HOME = Home("fer", "python", ("requirements/fer.txt",), ("fer==25.10.3",), 2700)
FER_MTCNN_HOME = Home("fer-mtcnn", "python", ("requirements/fer-mtcnn.txt",), (), 8000)
FACEX_HOME = Home("facex", "python", ("requirements/facex.txt",), (), 2400)
NODE_HOME = Home("node", "node", ("node/package.json", "node/package-lock.json"), (), 390)

_EDGE = {
    "classes": OURS,
    "adapter": "edge_adapter.py",
    "licence": "Apache-2.0; FER2013's images were released for research",
    "face": "the whole picture, resized as edge-run resizes a crop; no alignment",
}
_FER_FACE = (
    "the whole picture as gray, 64 px, -1..1, without the 10 px around it that the package adds to faces it finds; its "
    "scores before it rounds them to two digits"
)
_JS_ENGINE = (
    "runs on TensorFlow.js' WebAssembly engine in Node: tfjs-node, which is faster, fetches its library from outside "
    "the registry"
)

PEERS: tuple[Peer, ...] = (
    Peer(
        name="edge-run",
        title="edge-run as it comes: BlazeFace at both ranges, following, int8 TFLite",
        weights="the packaged model, trained on FER+ train; FER+ validation helped to choose its epoch (see its card)",
        notes=(
            "searches the whole picture every 10th frame and follows faces in between; reads every face every frame",
        ),
        **_EDGE,  # type: ignore[arg-type]
    ),
    Peer(
        name="edge-run-every-frame",
        title="edge-run, searching every frame",
        options={"search_interval": 1},
        classifier="edge-run",
        weights="as edge-run",
        **_EDGE,  # type: ignore[arg-type]
    ),
    Peer(
        name="edge-run-onnx",
        title="edge-run with the int8 ONNX file",
        options={"onnx": True},
        weights="as edge-run",
        **_EDGE,  # type: ignore[arg-type]
    ),
    Peer(
        name="plain",
        title="MediaPipe's short-range detection, then PyTorch's ResNet-18 at 224 px, float32",
        adapter="plain_adapter.py",
        classes=OURS,
        licence="Apache-2.0 (MediaPipe), BSD-3-Clause (PyTorch); weights as edge-run's",
        weights="models/resnet18 of this repository, trained on FER+ train and chosen without these validation images; "
        "random, and accuracy not measured, where that folder is missing",
        face="the whole picture, resized to the size that these weights were trained at, 64 px so far; frames are "
        "timed at 224 px, as people run the recipe",
    ),
    Peer(
        name="fer",
        title="fer 25.10.3 as it comes: OpenCV's Haar cascade, TFLite",
        adapter="fer_adapter.py",
        classes=FER2013,
        home=FER_HOME,
        licence="MIT, package and weights",
        weights=ARRIAGA,
        face=_FER_FACE,
        notes=("installed without facenet-pytorch, which only its MTCNN detection needs",),
    ),
    Peer(
        name="fer-keras",
        title="fer 25.10.3 with use_tflite=False: Haar cascade, Keras",
        adapter="fer_adapter.py",
        options={"use_tflite": False},
        classes=FER2013,
        home=FER_HOME,
        licence="MIT, package and weights",
        weights=ARRIAGA,
        face=_FER_FACE,
    ),
    Peer(
        name="fer-mtcnn",
        classifier="fer",
        title="fer 25.10.3 with mtcnn=True: MTCNN in PyTorch, TFLite",
        adapter="fer_adapter.py",
        options={"mtcnn": True},
        classes=FER2013,
        home=FER_MTCNN_HOME,
        licence="MIT, package and weights; facenet-pytorch MIT",
        weights=ARRIAGA,
        face=_FER_FACE,
    ),
    Peer(
        name="facex",
        title="facex 1.1.0: Haar cascade, TFLite at 200 px",
        adapter="facex_adapter.py",
        classes={
            "anger": "anger",
            "disgust": "disgust",
            "fear": "fear",
            "happy": "happiness",
            "neutral": "neutral",
            "sadness": "sadness",
            "surprised": "surprise",
        },
        home=FACEX_HOME,
        licence="MIT, package and weights",
        weights="inside the wheel; it does not say what they were trained on",
        face="the whole picture as gray, which the package resizes to 200 px",
        notes=("timed through EmotionClassifier, which its PoolManager calls",),
    ),
    Peer(
        name="face-api",
        title="@vladmandic/face-api 1.7.15 as it comes: SSD MobileNet v1, expression net",
        adapter="face_api_adapter.cjs",
        options={"detector": "ssd"},
        classes=FACE_API,
        home=NODE_HOME,
        licence="MIT, package and weights",
        weights="face-api.js' own; what they were trained on was not found out",
        face="the whole picture, which the package resizes to 112 px",
        notes=(_JS_ENGINE,),
    ),
    Peer(
        name="face-api-tiny",
        classifier="face-api",
        title="@vladmandic/face-api 1.7.15 with its tiny face detector",
        adapter="face_api_adapter.cjs",
        options={"detector": "tiny"},
        classes=FACE_API,
        home=NODE_HOME,
        licence="MIT, package and weights",
        weights="as face-api",
        face="the whole picture, which the package resizes to 112 px",
        notes=(_JS_ENGINE,),
    ),
    Peer(
        name="human",
        title="@vladmandic/human 3.3.6: BlazeFace and emotion alone, all else off",
        adapter="human_adapter.cjs",
        classes=FER2013,
        home=NODE_HOME,
        licence="MIT, package; weights credited to Arriaga, whose repository is MIT",
        weights=ARRIAGA,
        face="the whole picture as gray, 64 px, -1..1, as its emotion module does; its scores before it rounds them",
        notes=(
            _JS_ENGINE,
            "its reuse of results between frames is off (cacheSensitivity 0): every face is read every frame",
        ),
    ),
)


def chosen(names: list[str]) -> tuple[Peer, ...]:
    """Return the peers of some names, in the order of :data:`PEERS`; all for none.

    Raises:
        EdgeError: an unknown name.
    """
    from edge.errors import EdgeError

    known = [peer.name for peer in PEERS]
    for name in names:
        if name not in known:
            raise EdgeError(f"--only {name}: no such peer; known are {', '.join(known)}")
    return tuple(peer for peer in PEERS if not names or peer.name in names)
