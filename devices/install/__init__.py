"""Installing the service on a device, or into an image of one, and removing it without a trace."""
