"""Sections of the page, a file each; each gives its content, or None where nothing of its kind was measured."""
