"""Where PyMoDAQ looks into this package while it starts: the environment variable ``H5SAVER_PYMODAQ`` is heeded here.

PyMoDAQ imports the sub-package ``exporters`` of every package that is registered as ``pymodaq.h5exporters``, and does
so before it imports a window: the one moment at which a variable can take effect without a line of code in the program.
No exporter is registered, and nothing happens when the variable is not set.
"""

from h5saver_widget.integrations.pymodaq.replacing import install_from_environment

install_from_environment()
