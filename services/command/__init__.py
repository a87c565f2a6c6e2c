"""The command `upheld`: starts the services, asks them, and judges files without them."""
