"""The decisions of a recorder, without Qt: clocks, names, limits, the disk, sources, notes."""
