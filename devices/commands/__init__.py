"""Commands of ``edge-device`` that change a device or look at its service; ``devices.cli`` gathers them."""
