"""The format on disk: names, attribute values, log lines, settings XML, and the first bytes of a file."""
