"""Floor 2: the HDF5 libraries behind one small interface of primitives on opaque handles."""
