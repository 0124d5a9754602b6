"""The demo: real sources, a reusable detector panel, and a window that records them through the H5Saver widget.

Read `sources.py` (what is measured), `panel.py` (a detector a user can see), `recorder.py` (how its frames reach the
file) and `window.py` (how it is put together); `run.py` is what ``h5saver demo`` calls.
"""
