"""Every option of ``edge-run``, once: flags, ``--config`` files and environment variables are made from this."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

SOURCE = "Source"
READING = "Reading"
SPEED = "Speed"
WINDOW = "Window"
FILES = "Files"
WEB = "Web page"
MQTT = "MQTT"
METRICS = "Prometheus metrics"
RUN = "The run"


#: Numbers that may also be left out: a limit belongs to the number, not to its absence.
Rate = Annotated[float, Meta(gt=0, le=1000)]
Duration = Annotated[float, Meta(gt=0, le=60000)]
Exposure = Annotated[float, Meta(ge=0, le=10000)]
Celsius = Annotated[float, Meta(ge=30, le=120)]
Count = Annotated[int, Meta(ge=1)]


def _about(panel: str, text: str, **limits: Any) -> Meta:
    return Meta(description=text, extra={"panel": panel}, **limits)


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one run does. A field is a flag (``--camera-size``), a key and a variable (``EDGE_RUN_CAMERA_SIZE``)."""

    source: Annotated[
        str,
        _about(
            SOURCE,
            "Camera index (0), /dev/videoN or part of a camera's name, picamera, a video, a picture, a folder of "
            "pictures, an rtsp:// or http:// URL, or demo: two portraits, no camera needed.",
        ),
    ] = "0"
    loop: Annotated[bool, _about(SOURCE, "Play a file, a folder or the demo without end.")] = False
    realtime: Annotated[
        bool, _about(SOURCE, "Play a file at its own speed and drop what comes too late, as a camera does.")
    ] = False
    camera_size: Annotated[
        str, _about(SOURCE, "Size of the camera's picture, such as 1280x720; default: the camera's own choice.")
    ] = ""
    camera_fps: Annotated[Rate | None, _about(SOURCE, "Frames a second asked of the camera.")] = None
    camera_format: Annotated[
        str, _about(SOURCE, "Pixel format asked of the camera, four letters such as MJPG or YUYV.")
    ] = ""
    camera_rotation: Annotated[
        Literal[0, 90, 180, 270], _about(SOURCE, "Turn the camera's picture clockwise: 0, 90, 180 or 270 degrees.")
    ] = 0
    camera_focus: Annotated[
        str, _about(SOURCE, "auto, once, off, or a distance such as 0.5m; default: the camera's own choice.")
    ] = ""
    camera_exposure: Annotated[
        Exposure | None, _about(SOURCE, "Exposure time in milliseconds; 0: automatic. Default: as it is.")
    ] = None
    wait: Annotated[bool, _about(SOURCE, "Wait for a camera or stream that isn't there yet, as a service should.")] = (
        False
    )
    stall_timeout: Annotated[
        float,
        _about(SOURCE, "A camera or stream without a picture for so many seconds is opened again.", ge=0.5, le=3600),
    ] = 5.0

    model: Annotated[Path | None, _about(READING, "A model bundle or one file in it. Default: the packaged one.")] = (
        None
    )
    onnx: Annotated[bool, _about(READING, "Of a bundle, run the ONNX file (needs emot-edge[onnx]).")] = False
    device: Annotated[str, _about(READING, "cpu or cuda, for the emotion network (.onnx, .pth, .pt).")] = "cpu"
    detector: Annotated[
        str, _about(READING, "blazeface (near and far), blazeface-short, blazeface-full, mediapipe or yunet.")
    ] = "blazeface"
    detector_model: Annotated[Path | None, _about(READING, "Model file of the yunet detector.")] = None
    min_score: Annotated[float, _about(READING, "Least confidence of a reported face.", ge=0.05, le=1)] = 0.5
    smoothing: Annotated[float, _about(READING, "Seconds over which readings are averaged; 0: none.", ge=0)] = 0.3

    search_interval: Annotated[
        int,
        _about(
            SPEED,
            "Search the whole picture in every so-manieth frame, and follow the faces found in between; "
            "1: search in each.",
            ge=1,
            le=1000,
        ),
    ] = 10
    threads: Annotated[Count | None, _about(SPEED, "CPU threads of each engine; default: what suits the device.")] = (
        None
    )
    latency_budget: Annotated[
        Duration | None,
        _about(SPEED, "Milliseconds a frame may take; searches, then frames, become fewer to hold it."),
    ] = None
    max_fps: Annotated[Rate | None, _about(SPEED, "Read no more frames a second than this: less heat, less power.")] = (
        None
    )
    max_temperature: Annotated[
        Celsius | None, _about(SPEED, "Degrees Celsius of the processor above which fewer frames are read.")
    ] = None

    window: Annotated[
        bool | None, _about(WINDOW, "Open a window; default: where there is a display. --no-window: never.")
    ] = None
    mirror: Annotated[
        bool, _about(WINDOW, "Show the picture as a mirror does; readings and files stay as they are.")
    ] = False
    layers: Annotated[
        str,
        _about(
            WINDOW,
            "What is drawn, in the window and in videos: boxes, labels, bars, plot, trail, stats, legend, landmarks, "
            "separated by commas; or default, all, none.",
        ),
    ] = "default"
    captures: Annotated[
        Path, _about(WINDOW, "Folder for the screenshots and recordings that keys of the window ask for.")
    ] = Path("captures")

    save_video: Annotated[
        Path | None,
        _about(
            FILES, "Write the annotated video here: .webm plays in browsers, .mkv survives a power cut; .mp4, .avi."
        ),
    ] = None
    jsonl: Annotated[Path | None, _about(FILES, "Write one JSON object a frame here; - is standard output.")] = None
    csv: Annotated[Path | None, _about(FILES, "Write one row a face and frame here, as CSV; - is standard output.")] = (
        None
    )
    rotate_mb: Annotated[
        float, _about(FILES, "Begin a new .jsonl or .csv file at this size, megabytes; 0: never.", ge=0)
    ] = 0.0
    rotate_keep: Annotated[int, _about(FILES, "Keep so many earlier files when they rotate.", ge=1, le=10000)] = 5
    blur: Annotated[
        bool,
        _about(
            FILES,
            "Make faces unrecognisable in everything that is stored or shown; readings stay. Searches every frame.",
        ),
    ] = False

    web: Annotated[bool, _about(WEB, "Serve a live page (needs emot-edge[web]).")] = False
    web_host: Annotated[str, _about(WEB, "Address to serve on; another one than this machine's own needs a token.")] = (
        "127.0.0.1"
    )
    web_port: Annotated[int, _about(WEB, "Port of the page; 0: any free one.", ge=0, le=65535)] = 8765
    web_token: Annotated[str, _about(WEB, "Who opens the page has to know this word.")] = ""
    web_fps: Annotated[float, _about(WEB, "Pictures a second that a browser is sent at most.", gt=0, le=60)] = 15.0

    mqtt: Annotated[str, _about(MQTT, "Broker to publish to, host or host:port (needs emot-edge[mqtt]).")] = ""
    mqtt_topic: Annotated[str, _about(MQTT, "First part of every topic.")] = "edge-run"
    mqtt_id: Annotated[str, _about(MQTT, "This device's name in topics; default: the host name.")] = ""
    mqtt_user: Annotated[str, _about(MQTT, "Account at the broker.")] = ""
    mqtt_password: Annotated[
        str, _about(MQTT, "Its password; better given as EDGE_RUN_MQTT_PASSWORD or in a file only you can read.")
    ] = ""
    mqtt_tls: Annotated[bool, _about(MQTT, "Encrypt the connection.")] = False
    mqtt_ca: Annotated[Path | None, _about(MQTT, "Certificate of the broker's authority; implies --mqtt-tls.")] = None
    mqtt_buffer: Annotated[
        int, _about(MQTT, "Events kept while the broker is away; older ones are dropped and counted.", ge=1, le=1000000)
    ] = 10000
    mqtt_rate: Annotated[float, _about(MQTT, "Events a second at most; 0: one for each frame.", ge=0, le=1000)] = 0.0
    mqtt_discovery: Annotated[
        str, _about(MQTT, "Prefix under which Home Assistant looks for new devices; empty: don't announce.")
    ] = "homeassistant"

    metrics: Annotated[bool, _about(METRICS, "Serve metrics for Prometheus (needs emot-edge[prometheus]).")] = False
    metrics_host: Annotated[str, _about(METRICS, "Address to serve them on.")] = "127.0.0.1"
    metrics_port: Annotated[int, _about(METRICS, "Port; 0: any free one.", ge=0, le=65535)] = 9464

    max_frames: Annotated[Count | None, _about(RUN, "End after so many frames.")] = None


#: Values that ``edge-run config`` and messages don't repeat.
SECRETS = frozenset({"web_token", "mqtt_password"})

#: Short forms.
SHORT = {"source": "-s", "model": "-m"}
