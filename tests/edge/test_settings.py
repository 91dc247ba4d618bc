"""Options from a file, the environment and flags: one schema, and every mistake named where it stands."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import msgspec
import pytest

from edge.errors import EdgeError
from edge.settings import Settings
from edge.settings.fields import fields
from edge.settings.reading import effective
from edge.settings.rendering import render
from edge.settings.schema import SECRETS

ROOT = Path(__file__).parent.parent.parent


def config_file(folder: Path, text: str) -> Path:
    path = folder / "edge-run.toml"
    path.write_text(text)
    return path


def test_later_ones_win(tmp_path: Path) -> None:
    path = config_file(tmp_path, 'source = "file"\nmax_fps = 5\nthreads = 3\n')
    environment = {"EDGE_RUN_MAX_FPS": "10", "EDGE_RUN_SOURCE": "variable", "HOME": "/"}
    counts = effective({"source": "flag", "max_fps": None}, environment, path)
    assert (counts.settings.source, counts.settings.max_fps, counts.settings.threads) == ("flag", 10.0, 3)
    assert counts.settings.smoothing == 0.3
    assert counts.origins == {"source": "--source", "max_fps": "EDGE_RUN_MAX_FPS", "threads": f"{path}: threads"}


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("source = 0", "source", "0"),
        ("[mqtt]\ntopic = 'home'", "mqtt_topic", "home"),
        ("[mqtt]\nbroker = 'home:1883'", "mqtt", "home:1883"),
        ("[web]\nenabled = true", "web", True),
        ("[camera]\nsize = '640x480'", "camera_size", "640x480"),
        ("camera-rotation = 90", "camera_rotation", 90),
        ("window = false", "window", False),
        ("jsonl = 'out.jsonl'", "jsonl", Path("out.jsonl")),
        ("latency_budget = 20", "latency_budget", 20.0),
    ],
)
def test_a_file_says_it_in_toml(tmp_path: Path, text: str, name: str, value: object) -> None:
    assert getattr(effective({}, {}, config_file(tmp_path, text)).settings, name) == value


@pytest.mark.parametrize(
    ("variable", "value", "name", "expected"),
    [
        ("EDGE_RUN_LOOP", "yes", "loop", True),
        ("EDGE_RUN_LOOP", "off", "loop", False),
        ("EDGE_RUN_THREADS", "", "threads", None),
        ("EDGE_RUN_THREADS", "2", "threads", 2),
        ("EDGE_RUN_MODEL", "/models/mine", "model", Path("/models/mine")),
        ("EDGE_RUN_MQTT_PASSWORD", "s3cret", "mqtt_password", "s3cret"),
    ],
)
def test_a_variable_says_it_in_words(variable: str, value: str, name: str, expected: object) -> None:
    assert getattr(effective({}, {variable: value}).settings, name) == expected


def test_a_variable_names_the_file(tmp_path: Path) -> None:
    path = config_file(tmp_path, "max_frames = 7")
    assert effective({}, {"EDGE_RUN_CONFIG": str(path)}).settings.max_frames == 7


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("sorce = 'demo'", r"unknown key 'sorce'; did you mean 'source'\?"),
        ("[mqtt]\nbufer = 3", r"unknown key 'mqtt.bufer'; did you mean 'mqtt_buffer'\?"),
        ("zzzzzz = 1", r"unknown key 'zzzzzz'; edge-run config prints the known ones"),
        ("max_fps = 0", r"max_fps: 0 must be more than 0"),
        ("web_port = 70000", r"web_port: 70000 must be at most 65535"),
        ("threads = 'two'", r"threads: 'two' is not a whole number"),
        ("loop = 3", r"loop: 3 is not yes or no"),
        ("model = 3", r"model: 3 is not a path"),
        ("camera_rotation = 45", r"camera_rotation: 45 is none of 0, 90, 180, 270"),
        ("source = [1]", r"source: \[1\] is not text"),
        ("source = 'demo", r"no valid TOML"),
    ],
)
def test_mistakes_in_a_file_are_named(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(EdgeError, match=says) as caught:
        effective({}, {}, config_file(tmp_path, text))
    assert "edge-run.toml" in str(caught.value)


def test_a_file_that_is_not_there_and_one_that_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(EdgeError, match=r"cannot read .*missing.toml: No such file"):
        effective({}, {}, tmp_path / "missing.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(EdgeError, match=r"binary.toml: not a text file"):
        effective({}, {}, tmp_path / "binary.toml")


def test_mistakes_in_variables_and_flags_are_named() -> None:
    with pytest.raises(EdgeError, match=r"unknown variable EDGE_RUN_SORCE; did you mean 'EDGE_RUN_SOURCE'\?"):
        effective({}, {"EDGE_RUN_SORCE": "demo"})
    with pytest.raises(EdgeError, match=r"EDGE_RUN_LOOP: 'maybe' is not yes or no"):
        effective({}, {"EDGE_RUN_LOOP": "maybe"})
    with pytest.raises(EdgeError, match=r"--stall-timeout: '0.1' must be at least 0.5"):
        effective({"stall_timeout": "0.1"}, {})


def test_what_is_printed_gives_the_same_again(tmp_path: Path) -> None:
    flags = {"source": 'a "quoted" \\ näme', "loop": True, "max_fps": "12.5", "jsonl": "o.jsonl", "mqtt_password": "x"}
    counts = effective(flags, {"EDGE_RUN_WEB_TOKEN": "hush"})
    printed = render(counts)
    assert "hush" not in printed
    assert "loop = true  # from --loop" in printed
    again = effective({}, {}, config_file(tmp_path, printed)).settings
    hidden = {name: getattr(Settings(), name) for name in SECRETS}
    assert again == msgspec.structs.replace(counts.settings, **hidden)
    # Every option is there, with what it does: the file is one to begin with.
    assert {name for name in fields() if f"\n{name} =" in printed or f"\n#{name} =" in printed} == set(fields())


def test_edge_run_config_prints_a_file_and_names_mistakes() -> None:
    command = [sys.executable, "-c", "from edge.cli import main; main()", "config"]
    done = subprocess.run([*command, "--max-fps", "9", "--no-window"], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    values = tomllib.loads(done.stdout)
    assert (values["max_fps"], values["window"], values["source"]) == (9.0, False, "0")
    wrong = subprocess.run([*command, "--max-fps", "none"], capture_output=True, text=True, cwd=ROOT)
    assert (wrong.returncode, wrong.stderr) == (2, "error: --max-fps: 'none' is not a number\n")
