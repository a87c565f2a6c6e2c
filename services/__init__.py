"""Upheld: the services that make a service level agreement come true."""
