"""Meters of electric power: what this machine offers, read while something is measured."""

from __future__ import annotations

from bench.power.finding import find_meter
from bench.power.log import PowerLog
from bench.power.meter import Meter, MeterLostError

__all__ = ["Meter", "MeterLostError", "PowerLog", "find_meter"]
