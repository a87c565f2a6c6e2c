"""The words all rooms share. Standard library only: no framework, no store, no clock."""
