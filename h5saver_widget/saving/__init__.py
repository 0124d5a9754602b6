"""Floor 4: saving data objects into a file, and loading them back."""
