"""Floor 5: files on an HSDS server and on the local disk, copied in both directions and kept alike."""
