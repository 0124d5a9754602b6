"""Other programs that can be made to save with this package; nothing here is imported unless it is asked for."""
