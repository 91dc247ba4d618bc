"""One module a float format: the network written for another runtime."""
