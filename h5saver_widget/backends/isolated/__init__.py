"""A backend in a worker process: the program may crash or hang, the file is written and closed all the same.

Read in this order: :mod:`~h5saver_widget.backends.isolated.ring` (how bytes get across),
:mod:`~h5saver_widget.backends.isolated.messages` (the meaning of the bytes),
:mod:`~h5saver_widget.backends.isolated.file` and :mod:`~h5saver_widget.backends.isolated.client` (the backend in the
program: its file, and the nodes in it), :mod:`~h5saver_widget.backends.isolated.worker` (the process that has the
file).
"""
