"""The one exception type whose message is written for the person at the keyboard."""

from __future__ import annotations


class EdgeError(Exception):
    """Something the user can cause and can fix.

    The message is one line: it names the thing that is wrong and the remedy. Commands print it without a traceback and
    exit with code 2; library users catch it like any other exception.
    """


class NotInstalledError(EdgeError):
    """A runtime that a file needs is not installed; the message says which package brings it."""
