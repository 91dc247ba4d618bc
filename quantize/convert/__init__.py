"""What users have already becomes a bundle: a bare PyTorch checkpoint, or somebody's ONNX file.

What a file can tell is read from it. What it can't tell (the order of the labels, the normalisation, the input size) is
asked for and never guessed: a wrong guess runs, and costs accuracy that nobody sees.
"""
