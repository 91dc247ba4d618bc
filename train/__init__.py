"""Training: data sets, augmentation, losses, the run, and measuring a network. PyTorch and Lightning."""
