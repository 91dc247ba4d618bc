"""One module an int8 format."""
