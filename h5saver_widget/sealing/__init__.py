"""Sealing: proof that nothing of a file has changed since. No Qt; docs/sealing.md defines the form that is hashed."""
