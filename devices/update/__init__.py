"""Signed updates of model and software that survive a power cut at any instant; docs/fleet.md."""
