"""What each subcommand of ``edge-quantize`` takes and does; the work itself lies in ``quantize`` and ``edge``."""
