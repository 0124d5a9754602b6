"""What a recorder decides, without Qt: clocks, names, limits, the disk, sources, notes."""
