"""Agreements: define, negotiate, sign, amend, end; and the whole history of it."""
