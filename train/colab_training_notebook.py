# Made from colab_training.ipynb by `make notebook`: change the notebook, not this file.

# %% [markdown]
# # Train an emotion network, get every export
#
# From AffectNet (or FER+, or folders of faces) to a network with two heads, 8 emotions and valence/arousal, and from
# that to `.pth`, TorchScript, ONNX, Keras, TFLite, int8 ONNX and int8 TFLite, each one checked against the original.
#
# Set the fields of the first cell, choose *Runtime > Change runtime type > GPU*, then *Runtime > Run all*. After a
# disconnect do the same again: with Google Drive mounted, training goes on where it stopped.
#
# AffectNet is for research only and may not be passed on; its owners ask you to sign their licence. Whether a copy that
# somebody put on Kaggle may be used is for you to find out.

# %%
# What to install: "git+https://...", a wheel, a folder with the code, or "" for the checkout this notebook lies in.
SOURCE = ""  # @param {type:"string"}
# kaggle:OWNER/SLUG, or affectnet:DIR, ferplus:DIR, folder:DIR for data that is here already.
DATA = "kaggle:noamsegal/affectnet-training-data"  # @param {type:"string"}
ARCH = "mobilenet_v2"  # @param ["mobilenet_v2", "resnet18", "resnet50", "efficientnet_b0"] {allow-input: true}
IMAGE_SIZE = 224  # @param {type:"integer"}
EPOCHS = 50  # @param {type:"integer"}
BATCH_SIZE = 64  # @param {type:"integer"}
# Further options of edge-train (see edge-train --help), for example: --alpha 1 --beta 0.5 --augment strong
OPTIONS = ""  # @param {type:"string"}
# The run's folder. On Drive it outlives the machine; without Drive it lies beside the notebook.
RUN = "emotion/affectnet-mobilenet_v2"  # @param {type:"string"}
USE_DRIVE = True  # @param {type:"boolean"}

# %%
import os
import subprocess
import sys
from pathlib import Path

# The same fields as environment variables, for runs that nobody watches: EMOT_DATA, EMOT_EPOCHS, ...
for _name in ("SOURCE", "DATA", "ARCH", "IMAGE_SIZE", "EPOCHS", "BATCH_SIZE", "OPTIONS", "RUN", "USE_DRIVE"):
    if (_text := os.environ.get(f"EMOT_{_name}")) is not None:
        _kind = type(globals()[_name])
        globals()[_name] = _text.lower() in ("1", "true", "yes") if _kind is bool else _kind(_text)
COLAB = "google.colab" in sys.modules


def command(*words):
    """Run a command and print what it says while it says it; stop the notebook where it fails."""
    words = [str(word) for word in words]
    if words[0].startswith("edge-"):  # the commands of the Python that runs this notebook
        words[0] = str(Path(sys.executable).with_name(words[0]))
    print("$", *words, flush=True)
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    try:
        for line in process.stdout:
            print(line, end="", flush=True)
    except KeyboardInterrupt:  # the stop button: let the command write its checkpoint
        process.send_signal(2)
        process.wait()
        raise
    if process.wait():
        raise SystemExit(f"{Path(words[0]).name} ended with exit code {process.returncode}; its last lines say why")


def show(picture):
    """Show a picture under the cell; a plain script names it."""
    if "ipykernel" in sys.modules:
        from IPython.display import Image, display

        display(Image(filename=str(picture)))
    else:
        print(picture)


# %% [markdown]
# ## Install
#
# The PyTorch, TensorFlow and NumPy that are here stay as they are.

# %%
import tempfile
from importlib.metadata import PackageNotFoundError, version


def present(names=("torch", "torchvision", "tensorflow", "numpy")):
    """Return the installed versions of what must not be replaced."""
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


if not SOURCE:
    places = [folder for folder in (Path.cwd(), *Path.cwd().parents) if (folder / "train/colab_training.ipynb").exists()]
    if not places:
        raise SystemExit('SOURCE is empty and no checkout is here: set it to "git+https://...", a wheel, or a folder')
    SOURCE = str(places[0])
before = present()
constraint = Path(tempfile.mkdtemp()) / "installed.txt"
constraint.write_text("".join(f"{name}=={number}\n" for name, number in before.items()))
requirement = f"emot-edge[train,quantize] @ {SOURCE if '://' in SOURCE else Path(SOURCE).resolve().as_uri()}"
command(sys.executable, "-m", "pip", "install", "--quiet", "--constraint", constraint, requirement)
assert {name: present()[name] for name in before} == before, "pip replaced a package that was here before"
print(present())

# %% [markdown]
# ## A place that lasts

# %%
if USE_DRIVE and COLAB:
    from google.colab import drive

    drive.mount("/content/drive")
    RUN = Path("/content/drive/MyDrive") / RUN
RUN = Path(RUN).resolve()
print("run folder:", RUN)

# %% [markdown]
# ## Data
#
# Kaggle asks who you are: put `KAGGLE_API_TOKEN`, or `KAGGLE_USERNAME` and `KAGGLE_KEY`, into Colab's secrets (the key
# on the left) and give this notebook access. The download is kept and used again.

# %%
if COLAB and DATA.startswith("kaggle:"):
    from google.colab import userdata

    for _name in ("KAGGLE_API_TOKEN", "KAGGLE_USERNAME", "KAGGLE_KEY"):
        try:
            os.environ[_name] = userdata.get(_name)
        except (userdata.SecretNotFoundError, userdata.NotebookAccessError):
            continue
RUN.mkdir(parents=True, exist_ok=True)
command("edge-train", "inspect", DATA, "--draw", RUN / "data.png")
show(RUN / "data.png")

# %% [markdown]
# ## Train
#
# The best and the last epoch are kept in the run folder; stop and run this cell again whenever you like.

# %%
import torch

GPU = torch.cuda.is_available()
if not GPU:
    print("no GPU: this will take very long on full data (Runtime > Change runtime type)")
arguments = ["--data", DATA, "--out", RUN, "--arch", ARCH, "--image-size", IMAGE_SIZE, "--epochs", EPOCHS]
arguments += ["--batch-size", BATCH_SIZE, "--workers", os.cpu_count() if GPU else 0]
arguments += ["--precision", "16-mixed"] if GPU else []
arguments += ["--resume"] if (RUN / "last.ckpt").exists() else []
command("edge-train", *arguments, *OPTIONS.split())

# %%
for picture in sorted((RUN / "plots").glob("*.png")):
    show(picture)

# %% [markdown]
# ## Measure
#
# Accuracy, F1, the confusion matrix, and for valence and arousal MSE, MAE, RMSE, CCC and Pearson, with 95 % intervals.

# %%
command("edge-train", "evaluate", RUN / "bundle", "--data", DATA)

# %% [markdown]
# ## Export
#
# Every file is run in its own runtime and held against the checkpoint; one that differs is kept out.

# %%
EXPORT = RUN / "export"
command("edge-quantize", RUN / "bundle", "--out", EXPORT, "--data", DATA)

# %% [markdown]
# ## See it work
#
# The demo pictures through face detector, int8 network and overlay, as on the device.

# %%
import cv2

command("edge-run", "--model", EXPORT, "--source", "demo", "--no-window", "--save-video", RUN / "demo.mp4")
video = cv2.VideoCapture(str(RUN / "demo.mp4"))
video.set(cv2.CAP_PROP_POS_FRAMES, 60)
cv2.imwrite(str(RUN / "demo.png"), video.read()[1])
video.release()
show(RUN / "demo.png")

# %% [markdown]
# ## Take it home
#
# One archive with the checkpoint, every export, their config and model card. On the device:
# `pip install emot-edge` and `edge-run --model FOLDER`.

# %%
import shutil

ARCHIVE = shutil.make_archive(str(RUN / f"{ARCH}-{IMAGE_SIZE}"), "zip", EXPORT)
print(ARCHIVE, f"{Path(ARCHIVE).stat().st_size / 1e6:.1f} MB")
if COLAB and not USE_DRIVE:
    from google.colab import files

    files.download(ARCHIVE)
