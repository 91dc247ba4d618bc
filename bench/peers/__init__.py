"""Others' ways to read emotions, on the same pictures as ours, each in an environment of its own."""
