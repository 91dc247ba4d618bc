"""What each subcommand of ``edge-train`` takes and does; the work itself lies in ``train``."""
