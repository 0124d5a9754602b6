"""Templates of metadata for some kinds of experiments: to be used as they are, or copied and changed."""

from __future__ import annotations

from typing import Final

__all__ = ["READY_MADE"]

_HEAD = """\
# What has to be known of an experiment. Fields are shown in this order. For each:
#   name              what people see, and the name of the note
#   type              "text" (if none is given), "number", "integer", "choice" or "orcid"
#   unit              of a number
#   choices           of a choice: ["one", "two"]
#   required          "block": nothing is saved while it is empty; "warn": that is only said; "no" (if none is given)
#   ask_every_time    true: it is emptied after each file
#   default           the first value
#   empty_on_purpose  true: "-" may be written: there is none, and that is known
#   path              where it goes in the NeXus entry: "sample/name"; with the class of a group where it is none of
#                     user, sample, instrument, source: "laser[NXsource]/wavelength"
#   help              what to write
"""

_USER = """
[[field]]
name = "User"
required = "warn"
path = "user/name"
help = "Who measures"

[[field]]
name = "ORCID"
type = "orcid"
path = "user/identifier_orcid"
help = "Your identifier at orcid.org: 0000-0002-1825-0097"

[[field]]
name = "Affiliation"
path = "user/affiliation"
help = "Institute, university"
"""

_SAMPLE = """
[[field]]
name = "Sample"
required = "block"
empty_on_purpose = true
path = "sample/name"
help = "What is measured; '-' if there is no sample"

[[field]]
name = "Sample identifier"
path = "sample/identifier_sample"
help = "Its number, IGSN or address in your notebook"
"""

_OPTICS = """
[[field]]
name = "Wavelength"
type = "number"
unit = "nm"
required = "warn"
empty_on_purpose = true
path = "instrument/source/wavelength"
help = "Of the light source"

[[field]]
name = "Power"
type = "number"
unit = "mW"
ask_every_time = true
path = "instrument/source/power"
help = "At the sample"

[[field]]
name = "Polarization"
type = "choice"
choices = ["linear", "circular", "unpolarized", "unknown"]
default = "unknown"
path = "instrument/source/polarization"
"""

_MICROSCOPY = """
[[field]]
name = "Objective"
required = "warn"
path = "instrument/objective[NXcollection]/name"
help = "Maker and model"

[[field]]
name = "Magnification"
type = "number"
path = "instrument/objective[NXcollection]/magnification"

[[field]]
name = "Numerical aperture"
type = "number"
path = "instrument/objective[NXcollection]/numerical_aperture"

[[field]]
name = "Staining"
empty_on_purpose = true
path = "sample/preparation[NXnote]/description"
help = "Dye, label; '-' for none"
"""

_MATERIALS = """
[[field]]
name = "Chemical formula"
required = "warn"
path = "sample/chemical_formula"
help = "In Hill order: Al2 O3"

[[field]]
name = "Temperature"
type = "number"
unit = "K"
ask_every_time = true
path = "sample/temperature"

[[field]]
name = "Atmosphere"
type = "choice"
choices = ["air", "vacuum", "nitrogen", "argon", "other"]
default = "air"
path = "sample/environment[NXenvironment]/description"

[[field]]
name = "Treatment"
empty_on_purpose = true
path = "sample/preparation[NXnote]/description"
help = "Annealed, etched, as grown; '-' for none"
"""

READY_MADE: Final = {
    "bare": f'{_HEAD}\ntitle = "Bare"\n{_USER}{_SAMPLE.replace("block", "warn")}',
    "optics": f'{_HEAD}\ntitle = "Optics"\n{_USER}{_SAMPLE}{_OPTICS}',
    "microscopy": f'{_HEAD}\ntitle = "Microscopy"\n{_USER}{_SAMPLE}{_MICROSCOPY}',
    "materials": f'{_HEAD}\ntitle = "Materials"\n{_USER}{_SAMPLE}{_MATERIALS}',
}
"""Name of a template to its text in TOML."""
