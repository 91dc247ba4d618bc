"""How long the soak lasts."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--minutes", type=float, default=60.0, help="how long the soak runs")


@pytest.fixture(scope="session")
def minutes(request: pytest.FixtureRequest) -> float:
    """Length of the run, minutes."""
    return float(request.config.getoption("--minutes"))
