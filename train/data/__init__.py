"""Readers of labelled face images; they need neither torch nor OpenCV's video parts."""
