"""Why nothing can be emulated here."""

from __future__ import annotations

from edge.errors import EdgeError


class CannotEmulateError(EdgeError):
    """This machine cannot emulate a Raspberry Pi's processor; the message says why and what to do, in one line."""
