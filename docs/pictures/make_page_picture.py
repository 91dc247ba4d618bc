"""Photograph the live page on a desk and on a phone: edge-run serves the demo, a headless Chromium looks at it.

Needs what the tests need: python -m docs.pictures.make_page_picture
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np

from tests.edge.browser import devtools, running_chromium

#: Height of the result, pixels.
HEIGHT = 800


async def photograph(url: str, address: str, folder: Path) -> list[Path]:
    """Return a picture of the page in a wide dark window and one on a light phone."""
    paths = [folder / "desk.png", folder / "phone.png"]
    async with devtools(address) as browser:
        for path, phone in zip(paths, (False, True), strict=True):
            tab = await browser.tab()
            await tab.size(*((390, HEIGHT) if phone else (1280, HEIGHT)), mobile=phone, dark=not phone)
            await tab.open(url)
            await tab.until("document.querySelector('#state').textContent === 'live'")
            await asyncio.sleep(12 if phone else 20)  # a history to look at
            await tab.screenshot(path)
    return paths


def main() -> None:
    """Write page.jpg beside this script."""
    command = [sys.executable, "-c", "from edge.cli import main; main()", "--source", "demo", "--loop", "--no-window"]
    run = subprocess.Popen(
        [*command, "--max-fps", "25", "--web", "--web-port", "0"], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    try:
        assert run.stderr
        found = re.search(r"http://\S+", run.stderr.readline().decode())
        assert found
        with running_chromium() as address, tempfile.TemporaryDirectory() as folder:
            pictures = asyncio.run(photograph(found[0], address, Path(folder)))
            images = [cv2.imread(str(path), cv2.IMREAD_COLOR) for path in pictures]
    finally:
        run.terminate()
        run.wait()
    gap = np.full((HEIGHT, 24, 3), 255, np.uint8)
    desk, phone = (np.asarray(image, np.uint8) for image in images)
    whole = np.hstack([desk, gap, phone])
    whole = np.asarray(cv2.resize(whole, None, fx=0.75, fy=0.75, interpolation=cv2.INTER_AREA), np.uint8)
    cv2.imwrite(str(Path(__file__).with_name("page.jpg")), whole, [cv2.IMWRITE_JPEG_QUALITY, 86])


if __name__ == "__main__":
    main()
