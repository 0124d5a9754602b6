"""Runs before the program: a start with the switch of this package becomes the process that has the file."""

from h5saver_widget.backends.own_process import freeze_support

freeze_support()
