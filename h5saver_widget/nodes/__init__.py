"""Typed nodes and their attributes, with which a program walks a file."""
