"""netCDF 4 through xarray: labelled dimensions, coordinates with units, a group per data object."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any, Final

import numpy as np

from h5saver_widget.data.xarray_export import blocks_of, to_dataset
from h5saver_widget.errors import ExportError
from h5saver_widget.exporters.base import Exporter, Takes
from h5saver_widget.exporters.job import Job
from h5saver_widget.exporters.source import Item, Source, plain

__all__ = ["NetcdfExporter"]

#: Attributes by which netCDF libraries know how a variable is stored, and that they refuse from others:
#: https://docs.unidata.ucar.edu/netcdf-c/current/file_format_specifications.html
_OF_LIBRARIES: Final = frozenset(
    {"CLASS", "NAME", "REFERENCE_LIST", "DIMENSION_LIST", "_Netcdf4Dimid", "_Netcdf4Coordinates"}
    | {"_NCProperties", "_nc3_strict"}
)


class NetcdfExporter(Exporter):
    """Writes the result of ``to_xarray()``; complex variables as two real ones, because netCDF has none."""

    name = "netcdf"
    extensions = (".nc",)
    help = "netCDF 4 for xarray, Matlab and Panoply: variables with labelled dimensions, coordinates and units"
    takes = Takes.BUNDLE
    libraries = ("xarray", "dask", "h5netcdf")

    def write(self, source: Source, path: Path, job: Job) -> None:
        """Write all data objects: one at the root, several into groups."""
        names = source.names()
        for item, name in zip(source.items, names, strict=True):
            dataset = _dataset(item, job)
            group = name if len(names) > 1 else None
            dataset.to_netcdf(path, mode="a" if path.exists() else "w", group=group, engine="h5netcdf")


def _dataset(item: Item, job: Job) -> Any:
    data = copy.copy(item.data)  # a copy of the object, not of its arrays
    data.data = [job.watched(array) for array in item.data.data]  # type: ignore[misc]
    if item.data.errors is not None:
        data.errors = [job.watched(array) for array in item.data.errors]  # type: ignore[misc]
    dataset = to_dataset(data)
    measured = list(dataset.data_vars)[:: 1 if data.errors is None else 2]
    for number, values in item.backgrounds.items():
        like = dataset[measured[number]]
        dataset[f"{measured[number]}_background"] = (
            like.dims,
            blocks_of(job.watched(values), data.sig_indexes),
            dict(like.attrs),
        )
    for channel in item.columns:
        if channel.role == "text":
            words = np.array([str(value) for value in channel.array[...]], dtype=object)
            dataset[channel.label] = ("dim_0", words, {"long_name": channel.label})
        elif channel.label in dataset:
            dataset[channel.label].attrs["units"] = channel.units
    for name in [*dataset.data_vars, *dataset.coords]:
        if dataset[name].dtype.kind == "c":
            if name in dataset.coords:
                raise ExportError(f"{item.data.name}: netCDF can't hold the complex axis {name!r}; use npz or h5")
            whole = dataset[name]
            del dataset[name]
            for suffix, half in (("real", whole.real), ("imag", whole.imag)):
                dataset[f"{name}_{suffix}"] = half
                dataset[f"{name}_{suffix}"].attrs = {**whole.attrs, "part": suffix}
        elif dataset[name].dtype == np.float16:
            dataset[name] = dataset[name].astype(np.float32, keep_attrs=True)
            job.note("netCDF has no 16 bit floats: they are stored with 32 bits")
    for key in list(dataset.variables):
        dataset[key].attrs = _attributes(dataset[key].attrs)
    dataset.attrs = _attributes({**dataset.attrs, "about": json.dumps(item.about, ensure_ascii=False)})
    renamed: dict[Any, str] = {}
    for name in [*dataset.variables, *dataset.dims]:
        safe = str(name).replace("/", "_per_").strip() or "unnamed"
        if safe != name:
            renamed[name] = safe
    return dataset.rename(renamed) if renamed else dataset


def _attributes(attributes: dict[Any, Any]) -> dict[str, Any]:
    """Return attributes as netCDF can hold them: numbers, texts and lists of one kind; the rest as JSON text.

    Names that netCDF keeps for itself get an underscore.
    """
    found: dict[str, Any] = {}
    for name, value in attributes.items():
        value = plain(value)
        if isinstance(value, bool):
            value = np.int8(value)
        if not isinstance(value, (int, float, str, np.generic)):
            value = json.dumps(value, ensure_ascii=False)
        word = str(name).replace("/", "_") or "_"
        found[f"{word}_" if word in _OF_LIBRARIES else word] = value
    return found
