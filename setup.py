"""Adds ``icons`` to the packages that are found: ``find:`` in setup.cfg can't name a folder that lies elsewhere."""

from setuptools import find_packages, setup

setup(packages=[*find_packages(include=["h5saver_widget*"]), "h5saver_widget.icons"])
