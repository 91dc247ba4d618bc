"""Import torchvision also where its compiled part belongs to another build of torch.

A CUDA build of torchvision beside a CPU build of torch (which is what plain ``pip`` gives on many machines) fails at
import with "operator torchvision::nms does not exist". The networks need none of its compiled operators, so declaring
the two names it looks up is enough. Used only after the plain import failed.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from edge.errors import NotInstalledError

_declared: list[Any] = []  # torch.library forgets a definition when its Library object dies


def import_torchvision() -> ModuleType:
    """Return the torchvision module.

    Raises:
        NotInstalledError: torchvision is not installed.
    """
    try:
        import torchvision
    except ModuleNotFoundError as error:
        raise NotInstalledError(
            "torchvision is not installed; install it with: pip install 'emot-edge[train]'"
        ) from error
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
        import sys

        import torch

        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]  # the half-imported package would be returned as it is
        library: Any = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
        library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _declared.append(library)
        import torchvision
    module: ModuleType = torchvision
    return module
