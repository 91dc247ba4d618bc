"""The live web page: pictures, readings and health in a browser, and the same as JSON for scripts.

Needs aiohttp (``emot-edge[web]``), which is imported once a :class:`WebSink` is made.
"""

from __future__ import annotations

from edge.sinks.web.sink import WebSink

__all__ = ["WebSink"]
