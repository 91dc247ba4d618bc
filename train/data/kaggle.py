"""Data sets of kaggle.com, fetched by Kaggle's own client, which keeps them in its cache."""

from __future__ import annotations

import functools
import re
from pathlib import Path

from edge.errors import EdgeError

_HANDLE = re.compile(r"[\w.-]+/[\w.-]+(/versions/\d+)?")


@functools.cache
def download(handle: str) -> Path:
    """Return the folder of ``owner/name`` (or ``owner/name/versions/3``), downloaded where it is not there yet.

    Credentials are the client's business: ``KAGGLE_USERNAME`` and ``KAGGLE_KEY``, ``~/.kaggle/kaggle.json``, or Colab's
    secrets. Public data sets need none.

    Raises:
        EdgeError: not such a handle, kagglehub is not installed, no network, no permission, no such data set.
    """
    if not _HANDLE.fullmatch(handle):
        raise EdgeError(f"kaggle:{handle}: expected kaggle:OWNER/NAME, as in the data set's address on kaggle.com")
    try:
        import kagglehub
        from kagglehub import exceptions
    except ModuleNotFoundError as error:
        raise EdgeError("--data kaggle:... needs kagglehub, which is not installed: pip install kagglehub") from error
    import requests  # kagglehub's own HTTP client

    try:
        return Path(kagglehub.dataset_download(handle))
    except requests.HTTPError as error:  # KaggleApiHTTPError is one
        raise EdgeError(f"kaggle:{handle}: {_meaning(error)}") from error
    except (exceptions.CredentialError, exceptions.UnauthenticatedError) as error:
        raise EdgeError(f"kaggle:{handle}: {_NO_ACCESS}") from error
    except requests.RequestException as error:
        raise EdgeError(
            f"kaggle:{handle}: kaggle.com cannot be reached ({type(error).__name__}); connect to the network, or "
            "download the data set elsewhere and give its folder"
        ) from error
    except exceptions.DataCorruptionError as error:
        raise EdgeError(f"kaggle:{handle}: the download is damaged; start again") from error
    except (exceptions.NotFoundError, exceptions.BackendError, ValueError, OSError) as error:
        raise EdgeError(f"kaggle:{handle}: kagglehub could not fetch it ({error})") from error


_NO_ACCESS = (
    "Kaggle wants to know who asks; set KAGGLE_USERNAME and KAGGLE_KEY (kaggle.com, Settings, API), and accept the "
    "data set's terms on its page"
)


def _meaning(error: Exception) -> str:
    code = getattr(getattr(error, "response", None), "status_code", None)
    if code in (401, 403):
        return _NO_ACCESS
    if code == 404:
        return (
            "no such data set; compare owner and name with its address on kaggle.com (a private one needs credentials)"
        )
    return f"kaggle.com answers {code or error}; try again later"
