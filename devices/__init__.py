"""Looking at the device a model is to run on."""
