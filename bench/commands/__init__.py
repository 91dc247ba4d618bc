"""Commands of ``edge-bench``, a file each; importing one adds it to the application."""
