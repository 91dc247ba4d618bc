"""Measuring: how fast, how large and how right the files of a bundle are on this machine."""
