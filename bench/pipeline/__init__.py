"""``edge-bench pipeline``: the runtime from capture to result, as ``edge-run`` puts it together."""
