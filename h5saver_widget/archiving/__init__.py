"""The road of a recording to an archive: templates of metadata, what is missing for others, packages to hand over."""
