"""Making, proving and describing the files of a bundle."""
