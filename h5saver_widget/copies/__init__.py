"""Copies of recordings in other folders that are known to be good: read back and compared. No Qt; docs/copies.md."""
