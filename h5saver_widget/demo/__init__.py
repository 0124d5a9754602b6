"""The demo: real sources, reusable panels, and a window that records them through the H5Saver widget.

`viewer.py` (a detector with everything around it) and `scan_extension.py` (scans with stages) are widgets for programs
of your own, each with a saver embedded; `examples/` shows both in a few lines. To see how they are made, read
`sources.py` (what is measured), `panel.py` (a detector a user can see), `recorder.py` (how its frames reach the
file), `scan_run.py` (a scan without a window) and `window.py` (how the demo is put together); `run.py` is what
``h5saver demo`` calls.
"""
