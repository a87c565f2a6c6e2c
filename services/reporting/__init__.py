"""Reporting: what was promised, what was kept, and what was done about it, for the client."""
