"""Floor 5: one saver per kind of module (detector, actuator, scan, logger, optimizer)."""
