"""Checks of a diagnosis: each looks at a situation and says what it found."""
