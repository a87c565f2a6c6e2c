"""The log that a history is proved by: a Merkle tree, signed notes, entries. Pure: the standard library and `cryptography`, no store."""
